"""Runs a server's rules: a copy of the operator's script, in a process that the server may kill.

SPDX-License-Identifier: MIT

The plug-in policy-python starts it, locked in, and talks to it through descriptor 3; worker_message.h says
what crosses. Arguments: the script's path, its name for messages, the folder of the package tryst, bytes of
script and of state in descriptor 4, "load" or "reload".

The script may have the hooks below; on_reload, which is called when it has taken an older one's place; and a
dict `state`. Who has `state` in it is asked in one process only, and what is in it by then goes over to the
script that comes next: None, bool, int, float, str, bytes, and lists, tuples, sets and dicts of them.

on_register, on_session_open, on_join and on_relay return True, False, (False, "reason") or a dict with some
of: allow, reason, max_participants, addresses, data, expires_s, relay_kbps. What the other hooks return is not looked at.

A script that wants to can change all of this, and send what it likes: the other end judges it.
"""
import builtins
import gc
import marshal
import os
import struct
import sys
import types

CHANNEL, LOAD, STATE = 3, 4, 5
READY, FAILED, ANSWER, DUMPED = 1, 2, 3, 4
NONE, ERROR, NO_ANSWER, LIMIT = 0, 1, 2, 3
DUMP = 255
HOOKS = ("on_register", "on_session_open", "on_join", "on_leave", "on_session_close", "on_tick",
         "on_relay")
ASKED = (0, 1, 2, 6)  # of the hooks: those that must answer
ADDRESSES = {"all": 0, "same-public": 1, "relay-only": 2}
PARTICIPANTS_MAX, SECONDS_MAX, KBPS_MAX, DATA_MAX, REASON_MAX, DETAIL_MAX = 256, 2 ** 31 - 1, 10 ** 7, 128, 63, 191
STATE_MAX, STATE_DEPTH, STATE_VALUES = 1 << 20, 16, 1 << 20
QUESTION = struct.Struct("=II")
QUESTION_MAX = QUESTION.size + 16384
REPLY = struct.Struct("=10I128s64s192s")
CONTROLS = {number: "?" for number in (*range(0x20), *range(0x7f, 0xa0))}


class NoAnswer(Exception):
    """What a hook returned is no answer."""


class Unfit(Exception):
    """Something in `state` that is not carried over."""


# --- Words ---------------------------------------------------------------------------------------------


def clean(text, limit):
    """A text as at most so many bytes of printable UTF-8, cut between characters."""
    text = str.__str__(text)[:limit].translate(CONTROLS)
    return text.encode("utf-8", "replace")[:limit].decode("utf-8", "ignore").encode()


def kind(value):
    """What to call a value of the script's, none of whose own methods are to be called."""
    return "None" if value is None else f"a value of type {type(value).__name__}"


def place(error, name):
    """Where in the script it was raised, as "file:line: "; empty for elsewhere."""
    if isinstance(error, SyntaxError) and error.filename == name:
        return f"{name}:{error.lineno}: "
    line = None
    step = error.__traceback__
    while step is not None:
        if step.tb_frame.f_code.co_filename == name:
            line = step.tb_lineno
        step = step.tb_next
    return "" if line is None else f"{name}:{line}: "


def describe(error, name):
    """An exception in one line. It is the script's: its text may raise another one."""
    where = called = ""
    try:
        where = place(error, name)
        called = type(error).__name__
        text = error.msg if isinstance(error, SyntaxError) else str(error)
        return f"{where}{called}: {text}" if text else f"{where}{called}"
    except BaseException:  # pylint: disable=broad-exception-caught
        return f"{where}{called}, which does not say why"


# --- Replies -------------------------------------------------------------------------------------------


def reply(word, sequence, value=0, allow=False, failure=NONE, detail="", reason="", data=b"", **numbers):
    """A reply's bytes."""
    return REPLY.pack(word, sequence, value, allow, failure, numbers.get("max_participants", 0),
                      numbers.get("addresses", 0), numbers.get("expires_s", 0),
                      numbers.get("relay_kbps", 0), len(data), data, clean(reason, REASON_MAX), clean(detail, DETAIL_MAX))


def integer(name, value, most):
    """A number of a dict's that must be within its bounds."""
    if type(value) is not int or not 1 <= value <= most:  # pylint: disable=unidiomatic-typecheck
        raise NoAnswer(f'"{name}" is not a whole number from 1 to {most}')
    return value


def field(name, value):
    """What a key of a dict's stands for in a reply."""
    # pylint: disable=unidiomatic-typecheck
    if name == "allow" and type(value) is bool:
        return value
    if name == "reason" and type(value) is str:
        return value
    if name == "max_participants":
        return integer(name, value, PARTICIPANTS_MAX)
    if name == "expires_s":
        return integer(name, value, SECONDS_MAX)
    if name == "relay_kbps":
        return integer(name, value, KBPS_MAX)
    if name == "addresses" and type(value) is str and value in ADDRESSES:
        return ADDRESSES[value]
    if name == "data" and type(value) in (bytes, str):
        data = value.encode("utf-8", "replace") if type(value) is str else value
        if len(data) <= DATA_MAX:
            return data
        raise NoAnswer(f'"data" is longer than {DATA_MAX} bytes')
    if name == "addresses":
        raise NoAnswer('"addresses" is none of "all", "same-public" and "relay-only"')
    if name in ("allow", "reason", "data"):
        raise NoAnswer(f'"{name}" is {kind(value)}')
    raise NoAnswer(f'"{clean(name, 32).decode()}" is nothing that an answer has')


def judge(returned):
    """The fields of a reply that say what a hook returned. Exact types: a class of the script's own may say
    anything of itself."""
    # pylint: disable=unidiomatic-typecheck
    if returned is True or returned is False:
        return {"allow": returned}
    if type(returned) is tuple and len(returned) == 2:
        return {"allow": field("allow", returned[0]), "reason": field("reason", returned[1])}
    if type(returned) is not dict:
        raise NoAnswer(f"{kind(returned)} is no answer")
    fields = {"allow": True}
    for name, value in returned.items():
        if type(name) is not str:
            raise NoAnswer(f"{kind(name)} is a key")
        fields[name] = field(name, value)
    return fields


def judge_text(fields):
    """Who is let in needs no reason, and nobody is shown one."""
    if fields["allow"]:
        fields.pop("reason", None)
    return fields


# --- State ---------------------------------------------------------------------------------------------


def check_plain(value, where, depth, budget):
    """Raises Unfit for what is not plain data, is too deep, or has too many values."""
    budget[0] -= 1
    if budget[0] < 0:
        raise Unfit(f"state has more than {STATE_VALUES} values")
    if value is None or type(value) in (bool, int, float, str, bytes):
        return
    if depth == STATE_DEPTH:
        raise Unfit(f"state is nested deeper than {STATE_DEPTH}")
    if type(value) is dict:
        for key, item in value.items():
            check_plain(key, f"a key of {where}", depth + 1, budget)
            check_plain(item, f"{where}[{key!r:.40}]", depth + 1, budget)
    elif type(value) in (list, tuple, set, frozenset):
        for item in value:
            check_plain(item, f"{where}[...]", depth + 1, budget)
    else:
        raise Unfit(f"{where}: {kind(value)} is not carried over")


def dump(namespace, sequence):
    """Puts the state where the server reads it, and says how much there is."""
    import mmap  # pylint: disable=import-outside-toplevel

    try:
        state = namespace.get("state", {})
        if type(state) is not dict:  # pylint: disable=unidiomatic-typecheck
            raise Unfit(f"state is {kind(state)}, not a dict")
        check_plain(state, "state", 0, [STATE_VALUES])
        data = marshal.dumps(state)
        if len(data) > STATE_MAX:
            raise Unfit(f"state takes {len(data)} bytes, more than {STATE_MAX}")
        with mmap.mmap(STATE, STATE_MAX) as room:
            room[:len(data)] = data
    except BaseException as error:  # pylint: disable=broad-exception-caught
        return reply(DUMPED, sequence, detail=str(error) if isinstance(error, Unfit) else
                     f"state is not carried over: {type(error).__name__}")
    return reply(DUMPED, sequence, value=len(data), allow=True)


def names_state(table):
    """Whether a script has the global name `state` in it."""
    try:
        symbol = table.lookup("state")
    except KeyError:
        symbol = None
    if symbol is not None and (table.get_type() == "module" or symbol.is_global()):
        return True
    return any(map(names_state, table.get_children()))


# --- The script ----------------------------------------------------------------------------------------


class Rules:
    """The script, loaded."""

    def __init__(self, path, name):
        self.name = name
        self.module = types.ModuleType("policy")
        self.namespace = self.module.__dict__
        self.namespace.update(__file__=path, __builtins__=builtins, state={})
        self.hooks = 0
        self.has_state = False
        self.request_class = None

    def load(self, source, state, is_reload):
        """Runs its top level, and on_reload."""
        import symtable  # pylint: disable=import-outside-toplevel
        import tryst  # pylint: disable=import-outside-toplevel,import-error

        self.request_class = tryst.PolicyRequest
        code = compile(source, self.name, "exec", dont_inherit=True)
        self.has_state = names_state(symtable.symtable(source, self.name, "exec"))
        if state:
            self.namespace["state"] = marshal.loads(state)
        sys.modules["policy"] = self.module
        exec(code, self.namespace)  # pylint: disable=exec-used
        for number, hook in enumerate((*HOOKS, "on_reload")):
            if self.namespace.get(hook) is None:
                continue
            if not callable(self.namespace[hook]):
                raise TypeError(f"{hook} is no function")
            self.hooks |= 1 << number
        if is_reload and self.hooks >> len(HOOKS):
            self.namespace["on_reload"]()
        self.hooks &= (1 << len(HOOKS)) - 1

    def fail(self, error):
        """The fields of a reply that say how a hook failed."""
        if isinstance(error, NoAnswer):
            return {"failure": NO_ANSWER, "detail": str(error)}
        if isinstance(error, MemoryError):
            return {"failure": LIMIT, "detail": f"{place(error, self.name)}no memory left"}
        return {"failure": ERROR, "detail": describe(error, self.name)}

    def ask(self, hook, data):
        """The fields of a reply to a question. The request is worth nothing afterwards, wherever the script
        has put it."""
        request = None
        try:
            request = self.request_class(data)
            returned = self.namespace[HOOKS[hook]](request)
            return judge_text(judge(returned)) if hook in ASKED else {"allow": True}
        except BaseException as error:  # pylint: disable=broad-exception-caught
            fields = self.fail(error)
            if fields["failure"] == NO_ANSWER:
                fields["detail"] = f"{HOOKS[hook]}: {fields['detail']}"
            return fields
        finally:
            if request is not None:
                request.__dict__.pop("this", None)


def serve(rules):
    """Answers until the server goes away. All that a hook left is freed before its reply is sent: a __del__
    that takes its time takes that of its own hook."""
    read, write, output = os.read, os.write, sys.stdout
    while True:
        message = read(CHANNEL, QUESTION_MAX)
        if not message:
            return
        sequence, hook = QUESTION.unpack_from(message)
        if hook == DUMP:
            message = dump(rules.namespace, sequence)
        else:
            message = reply(ANSWER, sequence, **rules.ask(hook, message[QUESTION.size:]))
        try:
            output.flush()
        except (OSError, ValueError):
            pass
        write(CHANNEL, message)


def main():
    """Loads the script, says how that went, and serves."""
    path, name, modules, size, state_size, manner = sys.argv[1:]
    # The name is for the messages, which have little room.
    name = name if len(name) <= 80 else "..." + name[-77:]
    sys.argv[1:] = []
    sys.path.append(modules)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True, errors="backslashreplace")
    rules = Rules(path, name)
    try:
        source = os.pread(LOAD, int(size), 0)
        state = os.pread(LOAD, int(state_size), int(size))
        os.close(LOAD)
        rules.load(source, state, manner == "reload")
        gc.collect()
        gc.freeze()
    except BaseException as error:  # pylint: disable=broad-exception-caught
        detail = describe(error, name)
        os.write(CHANNEL, reply(FAILED, 0, detail=detail if detail.startswith(name) else f"{name}: {detail}"))
        return
    os.write(CHANNEL, reply(READY, 0, value=rules.hooks, allow=rules.has_state))
    serve(rules)


if __name__ == "__main__":
    try:
        main()
    finally:
        # No end of the script's own making: what it left for its end is not run.
        os._exit(0)  # pylint: disable=protected-access
