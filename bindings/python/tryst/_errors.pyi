# What the package raises.
# SPDX-License-Identifier: MIT
import builtins
from typing import Optional

from ._words import ErrorCode

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
