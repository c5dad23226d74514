"""The numbers of the C tables as enum classes, each member with its word for people.

SPDX-License-Identifier: MIT
"""
import enum

from . import core


class Word(enum.IntEnum):
    """A number of the protocol or the library, with its text."""

    @property
    def text(self):
        """The word or the sentence for people, as "server-lost" or "nothing came back"."""
        return _texts[type(self)](int(self))

    def __str__(self):  # EventType.MESSAGE in every Python, not 7 in some
        return f"{type(self).__name__}.{self.name}"

    def __format__(self, spec):
        return format(str(self), spec)


def _table(name, prefix, doc):
    """The constants of core that begin with prefix, as an enum class."""
    members = {key[len(prefix):]: number for key, number in vars(core).items()
               if key.startswith(prefix)}
    made = Word(name, members, module=__package__)
    made.__doc__ = doc
    return made


ErrorCode = _table("ErrorCode", "E_", "Why a call failed; the code of an Error.")
AddressClass = _table("AddressClass", "ADDRESS_", "What an address is good for.")
EventType = _table("EventType", "EVENT_", "What an event tells.")
PathType = _table("PathType", "PATH_", "How two participants talk.")
Kind = _table("Kind", "KIND_", "What kind of address answered.")
Stage = _table("Stage", "STAGE_", "Where something failed.")
Reason = _table("Reason", "REASON_", "Why it failed, or why a participant left.")

_texts = {
    ErrorCode: core.result_text,
    AddressClass: core.address_class_name,
    EventType: core.event_name,
    PathType: core.path_name,
    Kind: core.kind_name,
    Stage: core.stage_name,
    Reason: core.reason_text,
}


def by_number(words):
    """The members of an enum class by their numbers, for the events to find them."""
    return {int(member): member for member in words}
