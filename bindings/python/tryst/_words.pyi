# Words of the protocol and the library, as enum classes.
# SPDX-License-Identifier: MIT
import enum

class Word(enum.IntEnum):
    @property
    def text(self) -> str: ...

class AddressClass(Word):
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

class ErrorCode(Word):
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

class EventType(Word):
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
    RELAYED = 14

class PathType(Word):
    NONE = 0
    DIRECT = 1
    RELAY = 2

class Kind(Word):
    NONE = 0
    HOST = 1
    PUBLIC = 2
    IPV6 = 3
    MAPPED = 4
    OBSERVED = 5

class Stage(Word):
    NONE = 0
    RESOLVE = 1
    COOKIE = 2
    REGISTER = 3
    ROSTER = 4
    PUNCH = 5
    PATH = 6
    SERVER = 7

class Reason(Word):
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
    TRYING = 80
    BOTH_RANDOM = 81
    RANDOM_FILTERED = 82
    SPRAY_DENIED = 83
    SPRAY_VAIN = 84
    NO_UDP = 85
    RELAY_ONLY = 86
    HIDDEN = 87
    NO_FAMILY = 88
    NO_HAIRPIN = 89
    RELAY_DENIED = 90
    NO_RELAY = 91
    RELAY_REFUSED = 92
