"""One story told three times, in Python: see story.c.

SPDX-License-Identifier: MIT
"""
import sys

import tryst


def await_(client, type_):
    """Runs both until one of them has an event of a type."""
    for _ in range(10000):
        for each in (ann, ben):
            each.run(0.001)
        while True:
            event = client.poll()
            if event is None:
                break
            if event.type is type_:
                return event
    sys.exit(f"failed: {type_.text}")


def show_failure(what, call, *arguments):
    """Prints why a call fails."""
    try:
        call(*arguments)
    except tryst.Error as error:
        print(f"{what}: {error}")


def player(seed):
    """A player with an identity of its own."""
    return tryst.Client(sys.argv[1], identity=tryst.Identity(bytes([seed]) * 32), app="story")


address = tryst.Address("[::ffff:192.168.1.2]:7").canonical()
print(f"{address} is {address.address_class.text}")
show_failure("an address", tryst.Address, "nowhere")
ann, ben = player(1), player(2)
print(f"Ann is {tryst.format_key(ann.public_key)}")
show_failure("a send", ann.send, 1, b"x")
ann.join("room", b"Ann\0")
show_failure("a second join", ann.join, "room")
print(f"Ann: {await_(ann, tryst.EventType.REGISTERED).type.text}")
ben.join("room")
joined = await_(ben, tryst.EventType.JOINED)
print("Ben: joined with", joined.data.hex(" "))
connected = await_(ben, tryst.EventType.CONNECTED)
print(f"Ben: {connected.type.text}, {connected.path.text}")
ben.send(joined.peer, b"\0\1\0\xff")
message = await_(ann, tryst.EventType.MESSAGE)
print("Ann: message", message.data.hex(" "))
ann.send(message.peer, b"answer")
print("Ben: message", await_(ben, tryst.EventType.MESSAGE).data.decode())
show_failure("too much", ann.send, message.peer, bytes(1151))
stats = ann.stats()
print(f"Ann: {stats.connected} connected, {stats.messages_received} received")
ben.leave()
left = await_(ann, tryst.EventType.LEFT)
print(f"Ann: {left.type.text}, {left.reason.text}")
ann.close()
ben.close()
print("the end")
