# What the package offers, for type checkers.
# SPDX-License-Identifier: MIT
import builtins
import enum
import os
from typing import AsyncIterator, Dict, Final, Iterable, Iterator, List, Optional, Tuple, Union, final

from typing_extensions import Self

from . import core as core

_AddressLike = Union[Address, str, Tuple[str, int], Tuple[str, int, int, int]]
_Buffer = Union[bytes, bytearray, memoryview]
_Path = Union[str, "os.PathLike[str]"]

__all__ = [
    "Address",
    "AddressClass",
    "ArgumentError",
    "Client",
    "ClosedError",
    "CryptoError",
    "DATAGRAM_MAX",
    "Datagram",
    "Endpoint",
    "Error",
    "ErrorCode",
    "Event",
    "EventType",
    "FileError",
    "FormatError",
    "FullError",
    "Identity",
    "InterruptedError",
    "KEY_SIZE",
    "Kind",
    "LOCAL_MAX",
    "MESSAGE_MAX",
    "NetworkError",
    "NotConnectedError",
    "OutOfMemoryError",
    "PORT",
    "Participant",
    "PathType",
    "PeerError",
    "PermissionError",
    "Pin",
    "PolicyRequest",
    "Reason",
    "ResolveError",
    "SEED_SIZE",
    "SERVER_MAX",
    "SESSION_NAME_MAX",
    "SizeError",
    "Stage",
    "StateError",
    "Stats",
    "TimeoutError",
    "USER_DATA_MAX",
    "app_id",
    "format_key",
    "parse_key",
    "session_id",
    "version",
]

__version__: str

DATAGRAM_MAX: Final[int]
KEY_SIZE: Final[int]
LOCAL_MAX: Final[int]
MESSAGE_MAX: Final[int]
PORT: Final[int]
SEED_SIZE: Final[int]
SERVER_MAX: Final[int]
SESSION_NAME_MAX: Final[int]
USER_DATA_MAX: Final[int]

class _Word(enum.IntEnum):
    @property
    def text(self) -> str: ...

class AddressClass(_Word):
    NONE = 0
    PUBLIC = 1
    PRIVATE = 2
    CARRIER = 3
    LINK_LOCAL = 4
    LOOPBACK = 5
    MULTICAST = 6
    BROADCAST = 7
    UNSPECIFIED = 8
    METADATA = 9
    RESERVED = 10

class ErrorCode(_Word):
    ARGUMENT = -1
    MEMORY = -2
    STATE = -3
    CLOSED = -4
    TIMEOUT = -5
    INTERRUPTED = -6
    SIZE = -7
    FULL = -8
    PEER = -9
    NOT_CONNECTED = -10
    FORMAT = -11
    FILE = -12
    PERMISSION = -13
    NETWORK = -14
    RESOLVE = -15
    CRYPTO = -16

class EventType(_Word):
    NONE = 0
    REGISTERED = 1
    JOINED = 2
    CONNECTED = 3
    PATH = 4
    UNREACHABLE = 5
    LEFT = 6
    MESSAGE = 7
    REFUSED = 8
    SERVER_LOST = 9
    SERVER_BACK = 10
    COOKIE = 11
    HELLO = 12
    PUNCH = 13

class PathType(_Word):
    NONE = 0
    DIRECT = 1
    RELAY = 2

class Kind(_Word):
    NONE = 0
    HOST = 1
    PUBLIC = 2
    IPV6 = 3
    MAPPED = 4
    OBSERVED = 5

class Stage(_Word):
    NONE = 0
    RESOLVE = 1
    COOKIE = 2
    REGISTER = 3
    ROSTER = 4
    PUNCH = 5
    PATH = 6
    SERVER = 7

class Reason(_Word):
    NONE = 0
    LEAVE = 1
    EXPIRED = 2
    SHUTDOWN = 3
    REPLACED = 4
    SESSION_FULL = 5
    SERVER_FULL = 6
    TOO_MANY_SESSIONS = 7
    DENIED = 8
    VERSION = 9
    MALFORMED = 10
    RATE = 11
    KICKED = 12
    SILENT = 64
    ONE_WAY = 65
    NO_CANDIDATE = 66
    BAD_RECORD = 67
    BAD_CERTIFICATE = 68
    STALE_CERTIFICATE = 69
    NO_NAME = 70
    BAD_SIGNATURE = 71

class Error(Exception):
    code: Optional[ErrorCode]
    def __init__(self, *args: object) -> None: ...

class ArgumentError(Error, builtins.ValueError):
    code: ErrorCode
class OutOfMemoryError(Error, builtins.MemoryError):
    code: ErrorCode
class StateError(Error, builtins.RuntimeError):
    code: ErrorCode
class ClosedError(Error, builtins.ValueError):
    code: ErrorCode
class TimeoutError(Error, builtins.TimeoutError):
    code: ErrorCode
class InterruptedError(Error, builtins.InterruptedError):
    code: ErrorCode
class SizeError(Error, builtins.ValueError):
    code: ErrorCode
class FullError(Error, builtins.BlockingIOError):
    code: ErrorCode
class PeerError(Error, builtins.LookupError):
    code: ErrorCode
class NotConnectedError(Error, builtins.ConnectionError):
    code: ErrorCode
class FormatError(Error, builtins.ValueError):
    code: ErrorCode
class FileError(Error, builtins.OSError):
    code: ErrorCode
class PermissionError(Error, builtins.PermissionError):
    code: ErrorCode
class NetworkError(Error, builtins.OSError):
    code: ErrorCode
class ResolveError(Error, builtins.OSError):
    code: ErrorCode
class CryptoError(Error, builtins.RuntimeError):
    code: ErrorCode

class Address(core.Address):
    def __init__(self, text: str, port: Optional[int] = ...) -> None: ...
    @property
    def ip(self) -> str: ...
    @property
    def port(self) -> int: ...
    @property
    def family(self) -> int: ...
    @property
    def scope(self) -> int: ...
    @property
    def address_class(self) -> AddressClass: ...
    @property
    def sockaddr(self) -> Union[Tuple[str, int], Tuple[str, int, int, int]]: ...
    def canonical(self) -> Address: ...
    def __lt__(self, other: Address) -> bool: ...
    def __le__(self, other: Address) -> bool: ...
    def __gt__(self, other: Address) -> bool: ...
    def __ge__(self, other: Address) -> bool: ...
    def __eq__(self, other: object) -> bool: ...
    def __hash__(self) -> int: ...

class Pin(core.Pin):
    def __init__(self, text: str) -> None: ...
    @property
    def host(self) -> str: ...
    @property
    def port(self) -> int: ...
    @property
    def key(self) -> bytes: ...
    def __eq__(self, other: object) -> bool: ...
    def __hash__(self) -> int: ...

class Identity(core.Identity):
    def __init__(self, seed: Optional[_Buffer] = ...) -> None: ...
    @classmethod
    def load(cls, path: _Path) -> Self: ...
    def save(self, path: _Path) -> None: ...
    @property
    def public_key(self) -> bytes: ...

@final
class Event(Tuple[EventType, int, bytes]):
    @property
    def type(self) -> EventType: ...
    @property
    def peer(self) -> int: ...
    @property
    def data(self) -> bytes: ...
    @property
    def path(self) -> PathType: ...
    @property
    def kind(self) -> Kind: ...
    @property
    def stage(self) -> Stage: ...
    @property
    def reason(self) -> Reason: ...
    @property
    def rtt_us(self) -> int: ...
    @property
    def retry_ms(self) -> int: ...
    @property
    def address(self) -> Optional[Address]: ...
    @property
    def local_address(self) -> Optional[Address]: ...
    @property
    def key(self) -> Optional[bytes]: ...
    @property
    def text(self) -> str: ...

@final
class Datagram(Tuple[Address, bytes, Optional[Address], int]):
    @property
    def to(self) -> Address: ...
    @property
    def data(self) -> bytes: ...
    @property
    def source(self) -> Optional[Address]: ...
    @property
    def ttl(self) -> int: ...

@final
class Participant(Tuple[bytes, float]):
    @property
    def key(self) -> bytes: ...
    @property
    def present_s(self) -> float: ...

@final
class Stats(Tuple[int, ...]):
    @property
    def bytes_received(self) -> int: ...
    @property
    def bytes_sent(self) -> int: ...
    @property
    def connected(self) -> int: ...
    @property
    def datagrams_received(self) -> int: ...
    @property
    def datagrams_sent(self) -> int: ...
    @property
    def dropped_limit(self) -> int: ...
    @property
    def dropped_replay(self) -> int: ...
    @property
    def dropped_seal(self) -> int: ...
    @property
    def dropped_short(self) -> int: ...
    @property
    def dropped_signature(self) -> int: ...
    @property
    def dropped_unknown(self) -> int: ...
    @property
    def dropped_version(self) -> int: ...
    @property
    def hellos_received(self) -> int: ...
    @property
    def hellos_sent(self) -> int: ...
    @property
    def messages_dropped(self) -> int: ...
    @property
    def messages_received(self) -> int: ...
    @property
    def messages_sent(self) -> int: ...
    @property
    def output_dropped(self) -> int: ...
    @property
    def peers(self) -> int: ...

class Client(core.Client):
    def __init__(self, server: Union[str, Pin], *, identity: Optional[Identity] = ..., app: Optional[str] = ...,
                 keepalive_ms: int = ..., path_ms: int = ..., peer_ms: int = ..., punch_ms: int = ...,
                 rekey_s: int = ..., port: int = ..., trace: bool = ..., no_ipv4: bool = ...,
                 no_ipv6: bool = ..., tcp_port: int = ..., tls_port: int = ...,
                 relay: Optional[str] = ..., port_mapping: Optional[str] = ..., spray: Optional[str] = ...,
                 sockets: int = ...) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *_: object) -> None: ...
    @property
    def public_key(self) -> bytes: ...
    @property
    def closed(self) -> bool: ...
    def join(self, session: str, data: Optional[_Buffer] = ...) -> None: ...
    def leave(self) -> None: ...
    def send(self, peer: int, data: Optional[_Buffer]) -> None: ...
    def poll(self) -> Optional[Event]: ...
    def run(self, timeout: Optional[float] = ...) -> bool: ...
    def flush(self) -> None: ...
    def wake(self) -> None: ...
    def fileno(self) -> int: ...
    def timeout(self) -> Optional[float]: ...
    def local_addresses(self) -> List[Address]: ...
    def stats(self) -> Stats: ...
    def close(self) -> None: ...
    def events(self, timeout: Optional[float] = ...) -> Iterator[Event]: ...
    def aevents(self, timeout: Optional[float] = ...) -> AsyncIterator[Event]: ...

class Endpoint(core.Endpoint):
    def __init__(self, server: Union[str, Pin], *, identity: Identity, seed: _Buffer, now_us: int, unix_ms: int = ...,
                 app: Optional[str] = ..., keepalive_ms: int = ..., path_ms: int = ..., peer_ms: int = ...,
                 punch_ms: int = ..., rekey_s: int = ..., trace: bool = ..., relay: Optional[str] = ...,
                 spray: Optional[str] = ...) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *_: object) -> None: ...
    @property
    def closed(self) -> bool: ...
    def set_server(self, now_us: int, addresses: Iterable[_AddressLike]) -> None: ...
    def set_local(self, now_us: int, addresses: Iterable[_AddressLike]) -> None: ...
    def local_addresses(self) -> List[Address]: ...
    def join(self, now_us: int, session: str, data: Optional[_Buffer] = ...) -> None: ...
    def leave(self, now_us: int) -> None: ...
    def send(self, now_us: int, peer: int, data: Optional[_Buffer]) -> None: ...
    def input(self, now_us: int, source: _AddressLike, data: Optional[_Buffer],
              to: Optional[_AddressLike] = ...) -> None: ...
    def tick(self, now_us: int) -> None: ...
    def deadline(self) -> Optional[int]: ...
    def output(self, now_us: int) -> Optional[Datagram]: ...
    def poll(self) -> Optional[Event]: ...
    def stats(self) -> Stats: ...
    def close(self) -> None: ...
    def events(self) -> Iterator[Event]: ...
    def datagrams(self, now_us: int) -> Iterator[Datagram]: ...

class PolicyRequest(core.PolicyRequest):
    def __init__(self, data: _Buffer) -> None: ...
    @property
    def hook(self) -> str: ...
    @property
    def time(self) -> float: ...
    @property
    def reason(self) -> Reason: ...
    @property
    def app(self) -> bytes: ...
    @property
    def session(self) -> bytes: ...
    @property
    def participant(self) -> bytes: ...
    @property
    def data(self) -> bytes: ...
    @property
    def address(self) -> Optional[Address]: ...
    @property
    def local_addresses(self) -> List[Address]: ...
    @property
    def participants(self) -> List[Participant]: ...
    @property
    def counters(self) -> Dict[str, int]: ...

def version() -> str: ...
def format_key(key: _Buffer) -> str: ...
def parse_key(text: str) -> bytes: ...
def app_id(app: Optional[str]) -> bytes: ...
def session_id(app: Optional[str], session: str) -> bytes: ...
