"""The core without sockets, clock or randomness, for programs that own their socket.

SPDX-License-Identifier: MIT
"""
from . import core


class Endpoint(core.Endpoint):
    """One participant, sans-I/O: hand in what arrives (input), say what time it is (tick, at
    deadline or later), send what comes out (output, until it is None), read what happened (poll,
    until it is None).

    server       HOST:PORT#KEY or a Pin; only the key is used
    identity     an Identity
    seed         32 secret random bytes, never used twice
    now_us       monotonic microseconds, as in every call that takes it
    unix_ms      wall-clock milliseconds since 1970; 0 leaves the certificate's dates unjudged
    the others   as for Client"""

    def __init__(self, server, *, identity, seed, now_us, unix_ms=0, app=None, keepalive_ms=0,
                 path_ms=0, peer_ms=0, punch_ms=0, rekey_s=0, trace=False, relay=None,
                 spray=None):
        super().__init__(str(server), identity, seed, now_us, unix_ms, app, keepalive_ms, path_ms,
                         peer_ms, punch_ms, rekey_s, trace, relay, spray)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __repr__(self):
        return f"<{type(self).__qualname__}{' closed' if self.closed else ''}>"

    def __reduce__(self):
        raise TypeError("an Endpoint is not pickled")

    def events(self):
        """Yields the events that are there."""
        event = self.poll()
        while event is not None:
            yield event
            event = self.poll()

    def datagrams(self, now_us):
        """Yields the datagrams that are to be sent now."""
        datagram = self.output(now_us)
        while datagram is not None:
            yield datagram
            datagram = self.output(now_us)
