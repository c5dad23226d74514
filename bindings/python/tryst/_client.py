"""The client: waiting, iterating and asyncio, on top of what C gives.

SPDX-License-Identifier: MIT
"""
import math
import time

from . import core
from ._errors import ClosedError


def _deadline(timeout):
    """When a time that is counted from now is over, on the monotonic clock."""
    if timeout is None:
        return math.inf
    timeout = float(timeout)
    if not timeout >= 0:
        raise ValueError("a timeout is None, or seconds from 0 on")
    return time.monotonic() + timeout


def _left(over):
    """Seconds until then; None without a limit."""
    return None if over == math.inf else max(0.0, over - time.monotonic())


class Client(core.Client):
    """A player in a session: sockets, clock and name resolution for one participant.

    server       the line that trystd prints, HOST:PORT#KEY, or a Pin
    identity     an Identity; None makes a new one
    app          the game's name; only the same app meets
    keepalive_ms, path_ms, peer_ms, punch_ms, rekey_s
                 0 is the default of the library, in milliseconds and seconds
    port         local UDP port, 0 lets the system choose
    trace        also PUNCH and HELLO events
    no_ipv4, no_ipv6
                 leave a family out
    tcp_port     the server's TCP port, where no UDP passes; 0 is the one of its line
    tls_port     its port for WebSocket in TLS; 0 is 443
    relay        whether messages may go by the server: "allow" where there is no other path, which
                 is the default, "deny", or "only"
    port_mapping whether the home router may be asked for a port: "allow" or "deny"
    spray        whether many ports may be tried at once, where a NAT takes another port for each
                 destination: "allow" or "deny"
    sockets      further sockets for that, at most; 0 is 255, and a few with spray "deny"

    Threads may share it: while one waits, another may send, close or do anything else."""

    def __init__(self, server, *, identity=None, app=None, keepalive_ms=0, path_ms=0, peer_ms=0,
                 punch_ms=0, rekey_s=0, port=0, trace=False, no_ipv4=False, no_ipv6=False,
                 tcp_port=0, tls_port=0, relay=None, port_mapping=None, spray=None, sockets=0):
        self._watches = set()
        super().__init__(str(server), identity, app, keepalive_ms, path_ms, peer_ms, punch_ms,
                         rekey_s, port, trace, no_ipv4, no_ipv6, tcp_port, tls_port, relay,
                         port_mapping, spray, sockets)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __repr__(self):
        state = "closed" if self.closed else core.format_key(self.public_key)
        return f"<{type(self).__qualname__} {state}>"

    def __reduce__(self):
        raise TypeError("a Client is not pickled")

    @property
    def public_key(self):
        """The 32 bytes that this participant is known by."""
        return self._read_key()

    def close(self):
        """Leaves the session and frees the sockets. Waits in other threads end with ClosedError."""
        super().close()
        for watch in tuple(self._watches):
            watch.notify()

    def events(self, timeout=0.0):
        """Yields events as they come, for `timeout` seconds in all.

        0 yields those that are there: what a game does once a frame. None goes on for ever."""
        over = _deadline(timeout)
        return self._events(over, timeout == 0)

    def _events(self, over, is_once):
        has_run = False
        while True:
            event = self.poll()
            if event is not None:
                yield event
                continue
            left = _left(over)
            if has_run and (is_once or left == 0):
                return
            has_run = True
            self.run(left)

    def aevents(self, timeout=None):
        """Yields events as they come, driven by the running asyncio loop; for `timeout` seconds in
        all, or until the client is closed."""
        return self._aevents(_deadline(timeout))

    async def _aevents(self, over):
        # Who awaits has asyncio; all others are spared the better part of the time to import tryst.
        import asyncio  # pylint: disable=import-outside-toplevel
        from ._watch import Watch  # pylint: disable=import-outside-toplevel

        watch = Watch(self)
        self._watches.add(watch)
        try:
            while True:
                event = self.poll()
                if event is not None:
                    yield event
                    continue
                await asyncio.sleep(0)  # the loop's other tasks have their turn in a flood, too
                left = _left(over)
                if self.run(0) or left == 0:
                    if left == 0:
                        return
                    continue
                await watch.wait(left)
        except ClosedError:
            return
        finally:
            self._watches.discard(watch)
            watch.close()
