"""Two players on a field, 20 times a second: each tells the other where it is.

    duel.py PIN ROOM [SECONDS]      PIN: the line that trystd prints

A message is the text "X Y", two whole numbers. The duel in Lua says the same, so the two can play.
SPDX-License-Identifier: MIT
"""
import contextlib
import math
import re
import sys
import time

import tryst

RATE = 20
GONE = ("left", "unreachable", "refused", "server-lost")


def play(pin, room, seconds=math.inf):
    """Plays until the time is over."""
    start, told, peers = time.monotonic(), None, set()
    with tryst.Client(pin, app="duel") as client:
        client.join(room)
        while (now := time.monotonic() - start) < float(seconds):
            position = round(50 + 40 * math.cos(now)), round(50 + 40 * math.sin(now))
            for peer in peers:
                with contextlib.suppress(tryst.NotConnectedError):  # lost for a moment; the next one tells it
                    client.send(peer, b"%d %d" % position)
            for event in client.events(timeout=1 / RATE):
                if event.type is tryst.EventType.CONNECTED:
                    print(f"met a player at {event.address}", flush=True)
                    peers.add(event.peer)
                elif event.type is tryst.EventType.MESSAGE and event.data != told:
                    told = event.data
                    if re.fullmatch(rb"\d+ \d+", told):
                        print(f"the other is at {told.decode()}", flush=True)
                elif event.type.text in GONE:
                    print(f"{event.type.text}: {event.text or event.reason.text}", flush=True)
                    peers.discard(event.peer)


if len(sys.argv) not in (3, 4):
    sys.exit("usage: duel.py PIN ROOM [SECONDS]")
try:
    play(*sys.argv[1:])
except KeyboardInterrupt:
    pass
except (tryst.Error, ValueError) as error:
    sys.exit(f"duel: {error}")
