"""Addresses, pins and identities: what C knows of them, with the manners of Python.

SPDX-License-Identifier: MIT
"""
import functools
import os

from . import core
from ._words import AddressClass


@functools.total_ordering
class Address(core.Address):
    """An IP address and port by value: "1.2.3.4:5", "[2001:db8::1]:5", or an IP and a port.

    Immutable, hashable, ordered by family, IP and port."""

    def __init__(self, text, port=None):
        if port is None:
            super().__init__(text)
        else:
            super().__init__(text, port)

    @property
    def address_class(self):
        """What it is good for, as an AddressClass."""
        return AddressClass(self._classify())

    @property
    def sockaddr(self):
        """The tuple that the socket module takes."""
        if self.family == 6:
            return (self.ip, self.port, 0, self.scope)
        return (self.ip, self.port)

    def __str__(self):
        return self._text()

    def __repr__(self):
        return f"{type(self).__qualname__}({self._text()!r})"

    def __eq__(self, other):
        return self._compare(other) == 0 if isinstance(other, Address) else NotImplemented

    def __lt__(self, other):
        return self._compare(other) < 0 if isinstance(other, Address) else NotImplemented

    def __hash__(self):
        return hash((self.family, self.ip, self.port))

    def __reduce__(self):
        return type(self), (self._text(),)


class Pin(core.Pin):
    """Which server and which root key: HOST:PORT#KEY, the line that trystd prints."""

    def __init__(self, text):  # pylint: disable=useless-super-delegation
        super().__init__(text)

    def __str__(self):
        return self._text()

    def __repr__(self):
        return f"{type(self).__qualname__}({self._text()!r})"

    def __eq__(self, other):
        return self._text() == other._text() if isinstance(other, Pin) else NotImplemented

    def __hash__(self):
        return hash(self._text())

    def __reduce__(self):
        return type(self), (self._text(),)


class Identity(core.Identity):
    """Who a participant is: an Ed25519 key pair. New, or made from a secret seed of 32 bytes."""

    def __init__(self, seed=None):
        super().__init__(seed)

    @classmethod
    def load(cls, path):
        """Reads what save wrote. A file that others may read is refused."""
        made = cls.__new__(cls)
        core.Identity.__init__(made, None, os.fsdecode(path))
        return made

    def save(self, path):
        """Writes the secret seed, whole or not at all, to a file that only its owner may read."""
        super().save(os.fsdecode(path))

    def __str__(self):
        return core.format_key(self.public_key)

    def __repr__(self):
        return f"<{type(self).__qualname__} {self}>"

    def __reduce__(self):
        raise TypeError("an Identity holds a secret and is not pickled; save it to a file")


class PolicyRequest(core.PolicyRequest):
    """What a server's rules are asked. Made by the server; a script that tests rules makes one of the
    bytes that it was once."""

    def __init__(self, data):
        super().__init__(data)

    def __repr__(self):
        return f"<{type(self).__qualname__} {self.hook}>"

    def __reduce__(self):
        raise TypeError("a PolicyRequest is not pickled")
