"""Rules that try everything against the server: what on_join does is named by the user data.

SPDX-License-Identifier: MIT
"""
import contextlib
import ctypes
import os
import re
import resource
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

print("loaded", os.getpid())

HERE = os.path.dirname(__file__)
VICTIM = os.path.join(HERE, "victim")
CHANNEL = 3
REPLY = struct.Struct("=10I128s64s192s")
(WORD, SEQUENCE, VALUE, ALLOW, FAILURE, PARTICIPANTS, ADDRESSES, EXPIRES, RELAY, SIZE, DATA,
 REASON, DETAIL) = range(13)
stash = []


# --- Time and memory -----------------------------------------------------------------------------------


def loop():
    while True:
        pass


def loop_caught():
    while True:
        with contextlib.suppress(BaseException):
            while True:
                pass


def loop_deaf():
    for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_IGN)
    loop()


def loop_traced():
    sys.settrace(lambda *_: loop())
    return len("traced")


def power():
    return len(str(3 ** 9_000_000)) > 0


def memory_slow():
    kept = []
    while True:
        kept.append(bytearray(1 << 20))


def memory_kept():
    with contextlib.suppress(MemoryError):
        while True:
            stash.append(bytearray(1 << 20))
    with contextlib.suppress(MemoryError):
        while True:
            stash.append(bytearray(64))
    return True


def recurse():
    return recurse()


def recurse_deep():
    sys.setrecursionlimit(1 << 30)
    return recurse()


class Lingers:
    """Is not to be got rid of."""

    def __del__(self):
        loop()


def linger():
    return Lingers() is not None


# --- Errors --------------------------------------------------------------------------------------------


class Unspeakable(Exception):
    """Does not say what it is."""

    def __str__(self):
        raise self

    __repr__ = __str__


class Endless(Exception):
    """Never says what it is."""

    def __str__(self):
        return loop()


class Odd(Exception):
    """Says it in numbers."""

    def __str__(self):
        return 7


class Long(Exception):
    """Says too much of it, and drives terminals."""

    def __str__(self):
        return "\x1b[2J\n\x00\u20ac\ud800" + "long" * 1_000_000


def throw(error):
    raise error


# --- The end of the process ----------------------------------------------------------------------------


def fork_bomb():
    while True:
        with contextlib.suppress(MemoryError):
            os.fork()


def fork_keeping():
    if os.fork() == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(1000)
    os._exit(0)


def fork_by_libc():
    if ctypes.CDLL(None).fork() == -1:
        raise PermissionError("no child")
    time.sleep(1000)


# --- The channel ---------------------------------------------------------------------------------------


def sequence():
    """The number of the question that is being asked."""
    frame = sys._getframe()
    while "sequence" not in frame.f_locals:
        frame = frame.f_back
    return frame.f_locals["sequence"]


def forge(**changes):
    fields = [3, sequence(), 0, 1, 0, 0, 0, 0, 0, 0, b"", b"", b""]
    for name, value in changes.items():
        fields[globals()[name.upper()]] = value
    os.write(CHANNEL, REPLY.pack(*fields))
    time.sleep(1000)


def forge_twice():
    for _ in range(2):
        os.write(CHANNEL, REPLY.pack(3, sequence(), 0, 1, 0, 0, 0, 0, 0, 0, b"", b"", b""))
    time.sleep(1000)


def megabytes():
    while True:
        os.write(CHANNEL, bytes(150_000))


def descriptors():
    socket.send_fds(socket.socket(fileno=CHANNEL), [b"x"], [0, 1, 2])
    time.sleep(1000)


def close_channel():
    os.close(CHANNEL)
    return True


def patch():
    main = sys.modules["__main__"]
    main.reply = lambda *_, **__: b"patched"
    return True


def patch_judge():
    sys.modules["__main__"].judge = lambda _: {"allow": True, "max_participants": 1 << 31}
    return True


def flood():
    while True:
        print("flood")


def print_much():
    for number in range(1000):
        print("line", number)
    return True


def print_odd():
    print("\x1b[31mred\x00\ttab \ud800" + "y" * 1000)
    print("no end", end="")
    os.write(2, b"\nto the other one\n")
    return True


def close_output():
    sys.stdout.close()
    os.close(1)
    return True


# --- What is around ------------------------------------------------------------------------------------


def surroundings():
    names = sorted(os.listdir("/proc/self/fd"))
    status = dict(line.split(":\t") for line in open("/proc/self/status") if ":\t" in line)
    found = {"environment": dict(os.environ), "folder": os.getcwd(), "descriptors": len(names),
             "rights": int(status["CapEff"], 16), "gained": status["NoNewPrivs"].strip(),
             "session": os.getsid(0) == os.getpid(), "argv": sys.argv[1:], "path": "" in sys.path}
    print(found)
    return found == {"environment": {"LANG": "C.UTF-8"}, "folder": "/", "descriptors": 6, "rights": 0,
                     "gained": "1", "session": True, "argv": [], "path": False}


def unbind():
    """PR_SET_PDEATHSIG: it may not outlive the server."""
    return ctypes.CDLL(None).prctl(1, 0) == -1


def files():
    with open(__file__, encoding="utf-8") as script:
        return script.readline().startswith('"""Rules')


FEATS = {
    "fine": lambda: True, "no": lambda: False, "full": lambda: (False, "fu\u20acll"),
    "loop": loop, "loop_caught": loop_caught, "loop_deaf": loop_deaf, "loop_traced": loop_traced,
    "sleep": lambda: time.sleep(1000), "nap": lambda: time.sleep(0.15) is None,
    "regex": lambda: re.match(r"(a+)+$", "a" * 40 + "b"), "power": power,
    "memory": lambda: b"x" * (1 << 30), "memory_slow": memory_slow, "memory_kept": memory_kept,
    "recurse": recurse, "recurse_deep": recurse_deep, "linger": linger,
    "raise": lambda: throw(ValueError("my\nwords")), "unspeakable": lambda: throw(Unspeakable()),
    "endless": lambda: throw(Endless()), "odd": lambda: throw(Odd()), "long": lambda: throw(Long()),
    "interrupt": lambda: throw(KeyboardInterrupt()), "exit": sys.exit, "group": lambda: throw(
        BaseException("base")),
    "os_exit": lambda: os._exit(3), "kill": lambda: os.kill(os.getpid(), 9), "abort": os.abort,
    "segfault": lambda: ctypes.string_at(0), "stop": lambda: os.kill(os.getpid(), signal.SIGSTOP),
    "fork_bomb": fork_bomb, "fork_keeping": fork_keeping, "fork_by_libc": fork_by_libc,
    "spawn": lambda: subprocess.run(["true"], check=True), "session": os.setsid,
    "exec": lambda: os.execv("/bin/sleep", ["sleep", "1000"]),
    "thread": lambda: threading.Thread(target=loop, daemon=True).start(),
    "timer": lambda: signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01),
    "close_channel": close_channel, "close_all": lambda: os.closerange(0, 100),
    "garbage": lambda: os.write(CHANNEL, b"garbage"), "nothing": lambda: os.write(CHANNEL, b""),
    "megabytes": megabytes, "descriptors": descriptors, "forge_twice": forge_twice,
    "forge_sequence": lambda: forge(sequence=sequence() + 1), "forge_word": lambda: forge(word=9),
    "forge_ready": lambda: forge(word=1), "forge_dumped": lambda: forge(word=4, value=100),
    "forge_size": lambda: forge(word=4, value=1 << 31),
    "forge_allow": lambda: forge(allow=2), "forge_failure": lambda: forge(failure=6, allow=0),
    "forge_both": lambda: forge(failure=1), "forge_participants": lambda: forge(participants=257),
    "forge_addresses": lambda: forge(addresses=3), "forge_expires": lambda: forge(expires=1 << 31),
    "forge_relay": lambda: forge(relay=10 ** 7 + 1), "forge_data": lambda: forge(size=129),
    "forge_endless": lambda: forge(reason=b"x" * 64),
    "forge_control": lambda: forge(detail=b"a\nb"), "forge_bytes": lambda: forge(reason=b"\xc0\x80"),
    "forge_half": lambda: forge(reason=b"\xe2\x82"), "forge_c1": lambda: forge(reason=b"\xc2\x9b"),
    "patch": patch, "patch_judge": patch_judge, "flood": flood, "print_much": print_much,
    "print_odd": print_odd, "close_output": close_output,
    "surroundings": surroundings, "unbind": unbind, "files": files,
    "write": lambda: open(VICTIM, "w"), "append": lambda: open(VICTIM, "a").write("more"),
    "unlink": lambda: os.unlink(VICTIM), "truncate": lambda: os.truncate(VICTIM, 0),
    "rename": lambda: os.rename(VICTIM, VICTIM + "2"), "folder": lambda: os.mkdir(VICTIM + "3"),
    "link": lambda: os.symlink("/", VICTIM + "4"), "network": socket.socket,
    "kill_server": lambda: os.kill(os.getppid(), 15), "kill_all": lambda: os.kill(-1, 15),
    "slow_server": lambda: os.setpriority(os.PRIO_PROCESS, os.getppid(), 19),
    "limit_server": lambda: resource.prlimit(os.getppid(), resource.RLIMIT_NOFILE, (0, 0)),
}


class Number(int):
    """A number that is none of Python's own."""


class Text(str):
    """A text that is none of Python's own."""

    def encode(self, *_):
        loop()


class Key:
    """A key that is equal to any."""

    def __hash__(self):
        return hash("allow")

    def __eq__(self, other):
        return True


class Dict(dict):
    """Items without end."""

    def items(self):
        return loop()


RETURNED = {
    "none": None, "one": 1, "yes": "yes", "list": [True], "empty": (), "lone": (False,),
    "three": (False, "a", "b"), "number": (False, 5), "swapped": ("no", False), "text": (False, Text("x")),
    "object": object(), "key": {Key(): 1}, "class": Dict(allow=True), "unknown": {"alow": True},
    "allow": {"allow": 1}, "reason": {"reason": b"x"}, "few": {"max_participants": 0},
    "many": {"max_participants": 257}, "bool": {"max_participants": True}, "float": {"expires_s": 1.0},
    "past": {"expires_s": -1}, "far": {"expires_s": 1 << 31}, "own": {"expires_s": Number(5)}, "much": {"relay_kbps": 10 ** 7 + 1},
    "where": {"addresses": "some"}, "list_where": {"addresses": ["all"]}, "data": {"data": b"x" * 129},
    "utf8": {"data": "\u20ac" * 43}, "array": {"data": bytearray(1)}, "huge": {"x" * 10_000_000: 1},
    "odd_key": {"\x1b\n": 1},
}

GIVEN = {
    "dict": {}, "refused": {"allow": False, "reason": "x" * 62 + "\u20ac"}, "true": (True, "not shown"),
    "all": {"allow": True, "max_participants": 256, "addresses": "relay-only", "data": b"\x00\xff",
            "expires_s": (1 << 31) - 1, "relay_kbps": 10 ** 7, "reason": "not shown"},
    "words": {"data": "\u20ac", "addresses": "same-public", "max_participants": 1, "expires_s": 1},
    "lines": (False, "a\nb\x00c\x7fd\x9be\ud800f"), "nil": (False, ""),
    "long": (False, "\u20ac" * 10_000_000),
}


def on_join(request):
    name = request.data.decode()
    if name.startswith("returned "):
        return RETURNED[name[9:]]
    if name.startswith("given "):
        return GIVEN[name[6:]]
    if name == "stash":
        stash.append(request)
        return True
    if name == "stashed":
        return stash[-1].participant == request.participant
    return FEATS[name]()


def on_tick(request):
    loop()


def on_leave(request):
    raise ValueError("left")
