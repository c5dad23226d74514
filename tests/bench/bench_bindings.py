#!/usr/bin/env python3
"""What a call costs in Python and in Lua, beside ctypes, LuaJIT's FFI and C: nanoseconds, and ratios to C.

    bench_bindings.py       prints the table; TRYST_SOURCE and TRYST_BUILD as for the tests

Each way is a process with two clients that are joined through a real trystd, on loopback; one of them is
measured. A trivial call is fileno. A send queues one of 256 messages of 64 bytes; every 17th fills a
datagram, whose sealing is in the figure, and the flush that puts them on the wire is not. An event is one
of up to 256 messages that were received before: by ctypes and FFI its bytes are copied out, as the modules
do. The language's loop is in all figures, and the best of 20 rounds counts, of all passes. It prints, and
judges nothing.

SPDX-License-Identifier: MIT
"""
import ctypes
import os
import pathlib
import shlex
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "bindings"))
import around  # noqa: E402  it lies with the tests of the bindings

ROUNDS, BATCHES, BATCH, CALLS, SIZE, TURNS = 20, 8, 256, 20000, 64, 4
PASSES = 3
LIMIT_S = 120
MESSAGE = b"x" * SIZE
CONNECTED = 3
LIBRARY = around.BUILD / ".libs" / "libtryst.so"
COLUMNS = (("trivial", "trivial call"), ("send", "send"), ("nothing", "poll, nothing"),
           ("event", "poll, event"))


class ModuleWay:
    """The calls through the module: plain Python, as a script writes it."""

    def __init__(self, pin):
        import tryst  # here, as the process that only prints the table has none
        self.connected = tryst.EventType.CONNECTED
        self.make = lambda: tryst.Client(pin)

    def client(self):
        client = self.make()
        client.join("bench in a module")
        return client

    def run(self, client, seconds):
        client.run(seconds)

    def flush(self, client):
        client.flush()

    def trivial(self, client):
        for _ in range(CALLS):
            client.fileno()

    def send(self, client, peer):
        for _ in range(BATCH):
            client.send(peer, MESSAGE)

    def nothing(self, client):
        for _ in range(CALLS):
            client.poll()

    def events(self, client):
        count, peer, connected = 0, None, self.connected
        while True:
            event = client.poll()
            if event is None:
                return count, peer
            count += 1
            if event.type is connected:
                peer = event.peer


class Address(ctypes.Structure):
    """struct tryst_address"""
    _fields_ = [("family", ctypes.c_uint8), ("reserved", ctypes.c_uint8), ("port", ctypes.c_uint16),
                ("scope", ctypes.c_uint32), ("ip", ctypes.c_uint8 * 16)]


def numbers(names):
    """Fields of type uint32_t."""
    return [(name, ctypes.c_uint32) for name in names.split()]


class Event(ctypes.Structure):
    """struct tryst_event"""
    _fields_ = [*numbers("type peer path kind stage reason rtt_us retry_ms"), ("address", Address),
                ("local", Address), ("key", ctypes.c_uint8 * 32), ("data", ctypes.c_void_p),
                ("size", ctypes.c_size_t), ("text", ctypes.c_char * 64),
                ("reserved", ctypes.c_uint8 * (256 - 8 * 4 - 2 * 24 - 32 - ctypes.sizeof(ctypes.c_void_p)
                                               - ctypes.sizeof(ctypes.c_size_t) - 64))]


class Options(ctypes.Structure):
    """struct tryst_options"""
    _fields_ = [*numbers("struct_size keepalive_ms path_ms peer_ms punch_ms rekey_s"),
                ("port", ctypes.c_uint16), ("trace", ctypes.c_uint8), ("no_ipv4", ctypes.c_uint8),
                ("no_ipv6", ctypes.c_uint8), ("reserved", ctypes.c_uint8 * 3), ("server", ctypes.c_char_p),
                ("app", ctypes.c_char_p), ("tcp_port", ctypes.c_uint16), ("tls_port", ctypes.c_uint16),
                ("relay", ctypes.c_uint8), ("reserved2", ctypes.c_uint8 * 3)]


class CtypesWay:
    """The same calls of libtryst.so itself."""

    def __init__(self, pin):
        self.pin = pin.encode()
        self.library = ctypes.CDLL(str(LIBRARY))
        self.event = Event()
        client, word = ctypes.c_void_p, ctypes.c_uint32
        for name, arguments in (("create", [ctypes.POINTER(client), client, ctypes.POINTER(Options)]),
                                ("join", [client, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_size_t]),
                                ("run", [client, ctypes.c_int32]), ("flush", [client]), ("fileno", [client]),
                                ("send", [client, word, ctypes.c_char_p, ctypes.c_size_t]),
                                ("poll", [client, ctypes.POINTER(Event)])):
            getattr(self.library, f"tryst_client_{name}").argtypes = arguments

    def client(self):
        options, client = Options(), ctypes.c_void_p()
        self.library.tryst_options_init(ctypes.byref(options))
        options.server = self.pin
        if self.library.tryst_client_create(ctypes.byref(client), None, ctypes.byref(options)) != 0:
            sys.exit("bench_bindings: ctypes makes no client")
        self.library.tryst_client_join(client, b"bench by ctypes", None, 0)
        return client

    def run(self, client, seconds):
        self.library.tryst_client_run(client, int(seconds * 1000))

    def flush(self, client):
        self.library.tryst_client_flush(client)

    def trivial(self, client):
        fileno = self.library.tryst_client_fileno
        for _ in range(CALLS):
            fileno(client)

    def send(self, client, peer):
        send = self.library.tryst_client_send
        for _ in range(BATCH):
            send(client, peer, MESSAGE, SIZE)

    def nothing(self, client):
        poll, event = self.library.tryst_client_poll, ctypes.byref(self.event)
        for _ in range(CALLS):
            poll(client, event)

    def events(self, client):
        poll, event, where = self.library.tryst_client_poll, self.event, ctypes.byref(self.event)
        count, peer = 0, None
        while poll(client, where) == 1:
            count += 1
            ctypes.string_at(event.data, event.size)
            if event.type == CONNECTED:
                peer = event.peer
        return count, peer


class Bench:
    """Two clients of one way, and what is measured of the first; each measure gives nanoseconds a call."""

    def __init__(self, way):
        self.way, self.clients, self.peers = way, [way.client(), way.client()], [None, None]
        start = time.perf_counter()  # it also waits until the addresses that lost have gone quiet
        while time.perf_counter() - start < (1.5 if all(self.peers) else 10):
            for i, client in enumerate(self.clients):
                way.run(client, 0.001)
                self.peers[i] = way.events(client)[1] or self.peers[i]
        if not all(self.peers):
            sys.exit("bench_bindings: the clients do not connect")

    def read_all(self, i):
        self.way.run(self.clients[i], 0)
        self.way.events(self.clients[i])

    def trivial(self):
        start = time.perf_counter_ns()
        self.way.trivial(self.clients[0])
        return (time.perf_counter_ns() - start) / CALLS

    def send(self):
        spent = 0
        for _ in range(BATCHES):
            start = time.perf_counter_ns()
            self.way.send(self.clients[0], self.peers[0])
            spent += time.perf_counter_ns() - start
            self.way.flush(self.clients[0])
            self.read_all(1)
        return spent / (BATCHES * BATCH)

    def nothing(self):
        for _ in range(TURNS):
            self.read_all(0)
        start = time.perf_counter_ns()
        self.way.nothing(self.clients[0])
        return (time.perf_counter_ns() - start) / CALLS

    def event(self):
        spent = count = 0
        for _ in range(BATCHES):
            self.way.send(self.clients[1], self.peers[1])
            self.way.flush(self.clients[1])
            for _ in range(TURNS):
                self.way.run(self.clients[0], 0)
            start = time.perf_counter_ns()
            count += self.way.events(self.clients[0])[0]
            spent += time.perf_counter_ns() - start
        return spent / max(count, 1)

    def report(self):
        for name, _ in COLUMNS:
            print(name, round(min(getattr(self, name)() for _ in range(ROUNDS)), 2))


def ways(folder):
    """(name, command, environment) of each way there is; the pin comes after the command."""
    program = pathlib.Path(folder) / "bench_bindings"
    subprocess.run([*shlex.split(os.environ.get("CC") or "cc"), "-std=c11", "-O2", "-D_GNU_SOURCE",
                    f"-I{around.SOURCE / 'include'}", str(HERE / "bench_bindings.c"), "-o", str(program),
                    f"-L{LIBRARY.parent}", f"-Wl,-rpath,{LIBRARY.parent}", "-ltryst"], check=True)
    yield "C", [str(program)], os.environ
    if (around.STAGE / "tryst" / "_core.so").exists():
        for name, word in (("Python", "--module"), ("Python ctypes", "--ctypes")):
            yield name, [around.PYTHON, __file__, word], around.python_environment()
    script = str(HERE / "bench_bindings.lua")
    for interpreter, abi in around.luas():
        yield interpreter, [interpreter, script], around.lua_environment(abi)
    if shutil.which("luajit"):
        yield "luajit FFI", ["luajit", script, None, str(LIBRARY)], around.lua_environment("5.1")


def measure(command, environment):
    """{name: nanoseconds} of one process, beside a server of its own; empty when it fails, and says why."""
    with around.server() as pin:
        words = [pin if word is None else word for word in command]
        done = subprocess.run(words if None in command else [*words, pin], env=environment, text=True,
                              stdout=subprocess.PIPE, timeout=LIMIT_S, check=False)
    return {name: float(ns) for name, ns in (line.split() for line in done.stdout.splitlines())}


def print_table(best):
    """Nanoseconds, and how many times C's."""
    print(f"{'ns a call, times C':18}" + "".join(f"{title:>20}" for _, title in COLUMNS))
    for way, figures in best.items():
        cells = ""
        for name, _ in COLUMNS:
            ns, yardstick = figures.get(name), best["C"].get(name)
            ratio = f"{ns / yardstick:8.1f}" if ns and yardstick else f"{'-':>8}"
            cells += f"{ns:12.1f}{ratio}" if ns else f"{'-':>12}{ratio}"
        print(f"{way:18}{cells}")


def main():
    if sys.argv[1:2] in (["--module"], ["--ctypes"]):
        way = ModuleWay if sys.argv[1] == "--module" else CtypesWay
        return Bench(way(sys.argv[2])).report()
    around.need_server()
    if not LIBRARY.exists():
        around.skip("there is no shared libtryst")
    with tempfile.TemporaryDirectory(prefix="tryst-bench-") as folder:
        found = list(ways(folder))
        best = {name: {} for name, _, _ in found}
        for _ in range(PASSES):  # one way after the other, so that what disturbs one pass disturbs all
            for name, command, environment in found:
                for column, ns in measure(command, environment).items():
                    best[name][column] = min(ns, best[name].get(column, ns))
    print_table(best)


if __name__ == "__main__":
    main()
