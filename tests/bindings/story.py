"""One story told three times, in Python: see story.c.

SPDX-License-Identifier: MIT
"""
import sys

import tryst


def await_(client, type_):
    """Runs everybody until one of them has an event of a type."""
    for _ in range(10000):
        for each in (ann, ben, cat):
            each.run(0.001)
        while True:
            event = client.poll()
            if event is None:
                break
            if event.type is type_:
                return event
    sys.exit(f"failed: {type_.text}")


def show_data(what, data):
    """Prints bytes, and how many they are."""
    print(f"{what} {len(data)} bytes: {data.hex(' ')}")


def show_failure(what, call, *arguments):
    """Prints why a call fails."""
    try:
        call(*arguments)
    except tryst.Error as error:
        print(f"{what}: {error}")
    else:
        print(f"{what}: ok")


def player(seed):
    """A player with an identity of its own."""
    return tryst.Client(sys.argv[1], identity=tryst.Identity(bytes([seed]) * 32), app="story", relay="deny")


address = tryst.Address("[::ffff:192.168.1.2]:7").canonical()
print(f"{address} is {address.address_class.text}")
show_failure("an address", tryst.Address, "nowhere")
print(f"a message of {tryst.MESSAGE_MAX} bytes at most, user data of {tryst.USER_DATA_MAX}")
ann, ben, cat = player(1), player(2), player(3)

print(f"Ann is {tryst.format_key(ann.public_key)}")
show_failure("a send", ann.send, 1, b"x")
show_failure("much user data", ann.join, "room", bytes(tryst.USER_DATA_MAX + 1))
ann.join("room", b"Ann\0")
show_failure("a second join", ann.join, "room")
event = await_(ann, tryst.EventType.REGISTERED)
print(f"Ann: {event.type.text} from {event.address.address_class.text}")
ben.join("room")
joined = await_(ben, tryst.EventType.JOINED)
print(f"Ben: joined by {tryst.format_key(joined.key)}")
show_data("Ben: joined with", joined.data)
event = await_(ben, tryst.EventType.CONNECTED)
print(f"Ben: {event.type.text}, {event.path.text}")

ben.send(joined.peer, b"\0\1\0\xff")
message = await_(ann, tryst.EventType.MESSAGE)
show_data("Ann: message of", message.data)
ann.send(message.peer, b"y\0s\0")
show_data("Ben: message of", await_(ben, tryst.EventType.MESSAGE).data)
ann.send(message.peer, bytes(tryst.MESSAGE_MAX))
print(f"Ben: message of {len(await_(ben, tryst.EventType.MESSAGE).data)} bytes")
show_failure("too much", ann.send, message.peer, bytes(tryst.MESSAGE_MAX + 1))
show_failure("nothing", ann.send, message.peer, b"")
show_failure("a stranger", ann.send, message.peer + 1000, b"x")
stats = ann.stats()
print(f"Ann: {stats.connected} connected, {stats.messages_sent} sent, {stats.messages_received} received")

cat.join("room")
event = await_(cat, tryst.EventType.REFUSED)
print(f"Cat: {event.type.text}, {event.reason.text}; again in {event.retry_ms} ms")
ben.leave()
event = await_(ann, tryst.EventType.LEFT)
print(f"Ann: {event.type.text}, {event.reason.text}")
show_failure("a farewell", ann.send, message.peer, b"x")
for each in (ann, ben, cat):
    each.close()
print("the end")
