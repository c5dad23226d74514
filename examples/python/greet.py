# The whole of a peer-to-peer program: joins a session, greets everyone, prints what it hears.
# SPDX-License-Identifier: MIT
import sys

import tryst

with tryst.Client(sys.argv[1]) as client:  # HOST:PORT#KEY, the line trystd prints
    client.join("duel")
    for event in client.events(timeout=None):
        if event.type is tryst.EventType.JOINED:
            client.send(event.peer, b"hello")
        elif event.type is tryst.EventType.MESSAGE:
            print(event.data.decode(), flush=True)
