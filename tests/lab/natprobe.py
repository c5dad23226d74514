"""What a gateway does, measured from both its sides as RFC 5780 would have it: a host's sockets on one,
two addresses with two ports each on the other.

SPDX-License-Identifier: MIT
"""

import collections
import contextlib
import ctypes
import os
import select
import socket
import time

import netlab
from kinds import ADDRESS, ENDPOINT, NONE, PORT

CLONE_NEWNET = 0x40000000  # linux/sched.h
HEARD_S = 1.0   # what shall come has come by then ...
SILENT_S = 0.05  # ... and what has not come by then does not: cables have no delay
FLOWS = 64      # for the pattern of ports: of 64 out of 512 the span is above 400 in all but 1 of 10,000
TTL_MOST = 10
FIRST_PORT = 3478  # of STUN

_libc = ctypes.CDLL(None, use_errno=True)


@contextlib.contextmanager
def within(namespace):
    """This thread is in a network namespace for a while. Sockets stay where they were made."""
    with open("/proc/thread-self/ns/net", "rb") as home, \
            open(os.path.join("/run/netns", namespace), "rb") as there:
        _enter(there)
        try:
            yield
        finally:
            _enter(home)


def _enter(file):
    if _libc.setns(file.fileno(), CLONE_NEWNET) != 0:
        raise netlab.LabError(f"setns: {os.strerror(ctypes.get_errno())}")


def _udp(address="0.0.0.0", port=0):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((address, port))
    return sock


def _drain(sock):
    """Empties a socket. Returns how many datagrams there were."""
    count = 0
    while select.select([sock], [], [], 0)[0]:
        sock.recvfrom(2048)
        count += 1
    return count


def _hears(sock, seconds=SILENT_S):
    """The address that a datagram came from, or None."""
    if not select.select([sock], [], [], seconds)[0]:
        return None
    return sock.recvfrom(2048)[1]


class Probe:
    """Use as a context. `far` are four sockets: (address, port) twice two."""

    def __init__(self, lab, host):
        self.host = host
        self.mine = []
        with within(lab.server):
            self.far = [_udp(address, port) for address in (netlab.SERVER4, netlab.SERVER4_OTHER)
                        for port in (FIRST_PORT, FIRST_PORT + 1)]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for sock in self.far + self.mine:
            sock.close()

    def socket(self, port=0):
        """One more socket of the host."""
        with within(self.host.namespace):
            self.mine.append(_udp(port=port))
        return self.mine[-1]

    def seen(self, sock, far):
        """The public address that one of the far sockets sees a socket at; None: nothing came."""
        for old in self.far:
            _drain(old)
        sock.sendto(b"probe", far.getsockname())
        return _hears(far, HEARD_S)

    def _gets(self, sock, far, public):
        """Whether a far socket's datagram to a public address reaches the socket."""
        _drain(sock)
        far.sendto(b"probe", public)
        return _hears(sock) is not None

    def mapping(self):
        """RFC 4787, section 4.1."""
        sock = self.socket()
        one, other_port, other_address = (self.seen(sock, self.far[i]) for i in (0, 1, 2))
        with within(self.host.namespace), _udp() as probe:
            probe.connect(self.far[0].getsockname())
            own = probe.getsockname()[0]
        if one == other_port == other_address:
            return NONE if one == (own, sock.getsockname()[1]) else ENDPOINT
        return ADDRESS if one == other_port else PORT

    def filtering(self):
        """RFC 4787, section 5. The far end that was spoken to must come through in any case."""
        sock = self.socket()
        public = self.seen(sock, self.far[0])
        if self._gets(sock, self.far[2], public):
            found = NONE
        else:
            found = ADDRESS if self._gets(sock, self.far[1], public) else PORT
        return found if self._gets(sock, self.far[0], public) else "deaf"

    def ports(self, pause_s=0.0):
        """(preserved, steady, sequential, block or random; the stride; the span of the ports), a pause
        between two flows."""
        socks = [self.socket() for _ in range(FLOWS // len(self.far))]
        pairs = [(sock, far) for sock in socks for far in self.far]
        seen = []
        for sock, far in pairs:
            seen.append(self.seen(sock, far)[1])
            time.sleep(pause_s)
        span = max(seen) - min(seen) + 1
        if all(port == sock.getsockname()[1] for (sock, _), port in zip(pairs, seen)):
            return "preserved", 0, span
        ports = [{port for (one, _), port in zip(pairs, seen) if one is sock} for sock in socks]
        if all(len(taken) == 1 for taken in ports):
            return "steady", 0, span
        steps = collections.Counter(b - a for a, b in zip(seen, seen[1:]))
        stride, times = steps.most_common(1)[0]
        if times > len(seen) // 2:  # others' flows, and the end of the range, break some
            return "sequential", stride, span
        return ("block" if span <= 4096 else "random"), 0, span

    def hops(self):
        """The least TTL that reaches the far end."""
        sock = self.socket()
        for ttl in range(1, TTL_MOST):
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, ttl)
            for old in self.far:
                _drain(old)
            sock.sendto(b"probe", self.far[0].getsockname())
            if _hears(self.far[0]):
                return ttl
        return None

    def is_poisoned(self):
        """Whether a stranger who sends first makes the port another one for himself."""
        sock = self.socket()
        own = sock.getsockname()[1]
        self.far[0].sendto(b"early", (self.host.public[0], own))
        time.sleep(SILENT_S / 5)
        return self.seen(sock, self.far[0])[1] != own

    def is_hairpinned(self, neighbour):
        """Whether a neighbour behind the same gateway reaches the host at its public address."""
        sock = self.socket()
        public = self.seen(sock, self.far[0])
        with within(neighbour.namespace), _udp() as other:
            other.sendto(b"probe", public)
            return _hears(sock) is not None

    def hears_errors(self):
        """Whether the ICMP error about what went out comes back (RFC 5508)."""
        sock = self.socket()
        sock.connect((netlab.SERVER4, FIRST_PORT + 9))
        sock.send(b"probe")
        sock.settimeout(HEARD_S)
        try:
            sock.recv(2048)
        except ConnectionRefusedError:
            return True
        except OSError:
            pass
        return False
