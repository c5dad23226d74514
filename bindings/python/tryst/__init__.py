"""tryst lets games connect players directly: through home routers, carrier NATs and firewalls.

    with tryst.Client("HOST:7777#KEY", app="duel") as client:
        client.join("our room")
        for event in client.events(timeout=None):
            if event.type is tryst.EventType.JOINED:
                client.send(event.peer, b"hello")
            elif event.type is tryst.EventType.MESSAGE:
                print(event.peer, event.data)

SPDX-License-Identifier: MIT
"""
from . import _core, core
from ._client import Client
from ._endpoint import Endpoint
from ._errors import (ArgumentError, ClosedError, CryptoError, Error, FileError, FormatError, FullError,
                      InterruptedError, NetworkError, NotConnectedError, OutOfMemoryError, PeerError,
                      PermissionError, ResolveError, SizeError, StateError, TimeoutError, failure)
from ._values import Address, Identity, Pin, PolicyRequest
from ._words import (AddressClass, ErrorCode, EventType, Kind, PathType, Reason, Stage, by_number)
from ._words import Word as _Word
from ._core import Candidate, Datagram, Event, Participant, PathStats, Portmap, Side, Stats, Survey, Why
from .core import app_id, format_key, parse_key, session_id, version
from .core import (DATAGRAM_MAX, KEY_SIZE, LOCAL_MAX, MESSAGE_MAX, PORT, SEED_SIZE, SERVER_MAX,
                   SESSION_NAME_MAX, USER_DATA_MAX)

__version__ = version()

__all__ = [
    "Address", "AddressClass", "ArgumentError", "Candidate", "Client", "ClosedError", "CryptoError",
    "DATAGRAM_MAX", "Datagram", "Endpoint", "Error", "ErrorCode", "Event", "EventType", "FileError",
    "FormatError", "FullError", "Identity", "InterruptedError", "KEY_SIZE", "Kind", "LOCAL_MAX",
    "MESSAGE_MAX", "NetworkError", "NotConnectedError", "OutOfMemoryError", "PORT", "Participant", "PathStats", "PathType",
    "PeerError", "PermissionError", "Pin", "PolicyRequest", "Portmap", "Reason", "ResolveError", "SEED_SIZE", "SERVER_MAX",
    "SESSION_NAME_MAX", "Side", "SizeError", "Stage", "StateError", "Stats", "Survey", "TimeoutError",
    "USER_DATA_MAX", "Why", "app_id", "format_key", "parse_key", "session_id", "version",
]


def _event_repr(event):
    """Only what is set: an event has the fields that its type names."""
    empty = (None, 0, b"", "")
    fields = [f"type={event.type}"] + [
        f"{name}={str(value) if isinstance(value, _Word) else repr(value)}"
        for name, value in ((name, getattr(event, name)) for name in _EVENT_FIELDS)
        if value not in empty]
    return f"tryst.Event({', '.join(fields)})"


_EVENT_FIELDS = ("peer", "data", "path", "kind", "stage", "reason", "rtt_us", "retry_ms", "address",
                 "local_address", "key", "text")


def _settle():
    """What C makes becomes the classes above, and nothing but C itself destroys what they hold."""
    Event.__repr__ = _event_repr
    for ours, theirs in ((Address, core.Address), (Pin, core.Pin), (Identity, core.Identity),
                         (Client, core.Client), (Endpoint, core.Endpoint),
                         (PolicyRequest, core.PolicyRequest)):
        getattr(_core, ours.__name__ + "_swigregister")(ours)
        ours.__module__ = __name__
        type.__delattr__(theirs, "__swig_destroy__")
        delattr(_core, "delete_" + ours.__name__)
    _core._set_words(failure, *map(by_number, (EventType, PathType, Kind, Stage, Reason)))
    for kin in [Error, *Error.__subclasses__()]:
        kin.__module__ = __name__


_settle()
del _settle, by_number, failure
