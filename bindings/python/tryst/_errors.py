"""What is raised when a call fails: one class a code, each also kin of the builtin that a Python
programmer would catch.

SPDX-License-Identifier: MIT
"""
import builtins
import os

from ._words import ErrorCode


class Error(Exception):
    """A call failed. `code` says why, as an ErrorCode."""

    code = None

    def __init__(self, *args):
        super().__init__(*(args or (self.code.text,) if self.code else args))


class ArgumentError(Error, ValueError):
    """An argument is missing or out of range."""

    code = ErrorCode.ARGUMENT


class OutOfMemoryError(Error, MemoryError):
    """No memory is left."""

    code = ErrorCode.MEMORY


class StateError(Error, RuntimeError):
    """This cannot be done in the present state."""

    code = ErrorCode.STATE


class ClosedError(Error, ValueError):
    """The object is closed, as with a file."""

    code = ErrorCode.CLOSED


class TimeoutError(Error, builtins.TimeoutError):  # pylint: disable=redefined-builtin
    """The time ran out."""

    code = ErrorCode.TIMEOUT


class InterruptedError(Error, builtins.InterruptedError):  # pylint: disable=redefined-builtin
    """The wait was interrupted."""

    code = ErrorCode.INTERRUPTED


class SizeError(Error, ValueError):
    """The data is too large."""

    code = ErrorCode.SIZE


class FullError(Error, BlockingIOError):
    """A queue or table is full; try again later."""

    code = ErrorCode.FULL


class PeerError(Error, LookupError):
    """There is no such peer."""

    code = ErrorCode.PEER


class NotConnectedError(Error, ConnectionError):
    """There is no path to this peer yet."""

    code = ErrorCode.NOT_CONNECTED


class FormatError(Error, ValueError):
    """The text is not in the expected form."""

    code = ErrorCode.FORMAT


class FileError(Error, OSError):
    """The file cannot be read or written; errno says why."""

    code = ErrorCode.FILE


class PermissionError(Error, builtins.PermissionError):  # pylint: disable=redefined-builtin
    """Others may read the file."""

    code = ErrorCode.PERMISSION


class NetworkError(Error, OSError):
    """The operating system refused a network operation; errno says why."""

    code = ErrorCode.NETWORK


class ResolveError(Error, OSError):
    """The host name cannot be resolved."""

    code = ErrorCode.RESOLVE


class CryptoError(Error, RuntimeError):
    """The cryptographic library cannot be started."""

    code = ErrorCode.CRYPTO


_classes = {kin.code: kin for kin in Error.__subclasses__()}


def failure(code, errno):
    """The exception for a failed call; the C part raises what this returns."""
    kin = _classes[code]
    if kin in (FileError, NetworkError) and errno:
        made = kin(f"{kin.code.text}: {os.strerror(errno)}")
        made.errno = errno
        made.strerror = os.strerror(errno)
        return made
    return kin(kin.code.text)
