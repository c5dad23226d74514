"""Mistakes that a type checker must find: one in each line that says so.

SPDX-License-Identifier: MIT
"""
import tryst

client = tryst.Client("x")
client.send("1", b"x")  # wrong
client.send(1, "x")  # wrong
client.join(b"room")  # wrong
client.rum(1)  # wrong
tryst.Client("x", bogus=1)  # wrong
tryst.Client("x", None)  # wrong
tryst.EventType.MESAGE  # wrong
for event in client.events():
    event.address.ip  # wrong
    event.peer.text  # wrong
for event in client.aevents():  # wrong
    pass
tryst.Address(5)  # wrong
tryst.Endpoint("x")  # wrong
