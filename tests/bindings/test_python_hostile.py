#!/usr/bin/env python3
"""What careless or hostile Python does to the module: errors are fine, a crash of the process is not, and
nothing leaks. Most of what is checked is that the next line is reached.

SPDX-License-Identifier: MIT
"""
import around

around.become_python()
around.need_server()

# pylint: disable=wrong-import-position
import copy
import gc
import os
import unittest

import tryst
from tryst import _core, core

KEY = str(tryst.Identity(bytes(32)))
NOWHERE = f"127.0.0.1:1#{KEY}"
SANITIZED = around.is_sanitized()
ROUNDS = 5000 if SANITIZED else 200000
MOST_KIB = 65536 if SANITIZED else 2048  # ten bytes lost in each round would be seen
CLASSES = ("Address", "Pin", "Identity", "Client", "Endpoint", "PolicyRequest")


def endpoint():
    """One that is open."""
    return tryst.Endpoint(NOWHERE, identity=tryst.Identity(), seed=bytes(range(32)), now_us=1)


MAKE = {"Address": lambda: tryst.Address("1.2.3.4:5"), "Pin": lambda: tryst.Pin(NOWHERE), "Identity": tryst.Identity,
        "Client": lambda: tryst.Client(NOWHERE), "Endpoint": endpoint}


def odd_values():
    """Values that no call expects."""
    return [None, True, 0, -1, 1.5, 2**31, 2**32, 2**53, 2**63, 2**64, -2**64, float("nan"), float("inf"), "", "\0",
            "x" * 100000, b"", b"\0" * 100000, [], {}, object(), type, int, iter([]), tryst, tryst.Client,
            *(make() for make in MAKE.values())]


class Hostile(unittest.TestCase):
    def attempt(self, call, *arguments):
        """Calls; any exception will do."""
        try:
            return call(*arguments)
        except Exception as error:  # pylint: disable=broad-except
            self.assertNotIsInstance(error, SystemError)
            return error

    def test_anything_for_self(self):
        for name in CLASSES:
            for method, function in vars(getattr(core, name)).items():
                if method in ("__init__", "__repr__", "__module__", "__doc__", "__dict__", "__weakref__", "thisown"):
                    continue
                call = function.fget if isinstance(function, property) else function
                if not callable(call):
                    continue
                for value in odd_values():
                    if isinstance(value, getattr(core, name)):
                        continue
                    for more in ((), (1,), (1, b"x"), (1, "x", b"y")):
                        self.assertIsInstance(self.attempt(call, value, *more), Exception, f"{name}.{method}")

    def test_anything_for_arguments(self):
        blocking = {"run", "events", "aevents"}
        for name, make in MAKE.items():
            target = make()
            for method in dir(target):
                if method.startswith("_") or method in blocking | {"save", "close", "thisown", "this"}:
                    continue
                call = getattr(target, method)
                if not callable(call):
                    continue
                for value in odd_values():
                    self.attempt(call, value)
                    self.attempt(call, 1, value)
                    self.attempt(call, 1, "1.2.3.4:5", value)
                    self.attempt(call, 1, value, value, value)
            if hasattr(target, "close"):
                target.close()

    def test_anything_for_constructors(self):
        for name in CLASSES:
            for value in odd_values():
                self.attempt(getattr(tryst, name), value)
                self.attempt(getattr(core, name), value)
                self.attempt(getattr(core, name), value, value, value)
        for option in ("identity", "app", "keepalive_ms", "port", "trace", "no_ipv4"):
            for value in odd_values():
                made = self.attempt(lambda: tryst.Client(NOWHERE, **{option: value}))
                if isinstance(made, tryst.Client):
                    made.close()

    def test_no_init(self):
        for name in CLASSES:
            cls = getattr(tryst, name)
            empty = cls.__new__(cls)
            sub = type("Sub", (cls,), {"__init__": lambda self: None})()
            for thing in (empty, sub):
                self.attempt(repr, thing)
                for method in dir(thing):
                    if method.startswith("__"):
                        continue
                    member = self.attempt(getattr, thing, method)
                    if callable(member) and not isinstance(member, type):
                        self.attempt(member)
                        self.attempt(member, 1, b"x")

    def test_use_after_close(self):
        client, point = tryst.Client(NOWHERE), endpoint()
        for _ in range(3):
            client.close()
            point.close()
        calls = [client.leave, client.poll, client.run, client.flush, client.fileno, client.local_addresses,
                 client.stats, lambda: client.join("x"), lambda: client.send(1, b"x"), lambda: client.public_key,
                 lambda: list(client.events()), lambda: list(client.events(None)), point.poll, point.stats,
                 point.local_addresses, lambda: point.tick(1), lambda: point.output(1), lambda: point.leave(1),
                 lambda: point.join(1, "x"), lambda: point.send(1, 1, b"x"),
                 lambda: point.input(1, "1.2.3.4:5", b"x"), lambda: point.set_local(1, []),
                 lambda: point.set_server(1, [])]
        for call in calls:
            with self.assertRaises(tryst.ClosedError):
                call()
        self.assertEqual((client.timeout(), point.deadline(), client.closed, point.closed), (0, None, True, True))
        client.wake()
        self.assertIn("closed", repr(client))

    def test_nobody_but_the_collector_destroys(self):
        for name in CLASSES:
            self.assertFalse(hasattr(_core, "delete_" + name))
            self.assertFalse(hasattr(getattr(core, name), "__swig_destroy__"))
        identity = tryst.Identity()
        for _ in range(3):
            identity.this.acquire()
        twin = tryst.Identity.__new__(tryst.Identity)
        twin.this = identity.this  # two names for one object
        key = identity.public_key
        del identity
        gc.collect()
        self.assertEqual(twin.public_key, key)
        client = tryst.Client(NOWHERE)
        client.this = twin.this  # of another class
        with self.assertRaises(TypeError):
            client.poll()
        for make in MAKE.values():
            self.attempt(copy.copy, make())
            self.attempt(copy.deepcopy, make())

    def test_iteration_that_ends_early(self):
        with around.server() as pin:
            client = tryst.Client(pin)
            client.join("room")
            for how in range(200):
                events = client.events(0.001)
                try:
                    for event in events:
                        if how % 3 == 0:
                            raise KeyError(event)
                        if how % 3 == 1:
                            break
                except KeyError:
                    pass
                if how % 2:
                    events.close()
            iterator = client.events(0.05)
            del client  # the iterator holds it
            gc.collect()
            self.attempt(next, iterator)
            iterator.close()

    def test_descriptors_run_out_and_come_back(self):
        tryst.Client(NOWHERE).close()  # the first one opens what libuv keeps
        gc.collect()
        before = len(os.listdir("/proc/self/fd"))
        clients, error = [], None
        while error is None and len(clients) < 100000:
            made = self.attempt(tryst.Client, NOWHERE)
            if isinstance(made, Exception):
                error = made
            else:
                clients.append(made)
        self.assertIsInstance(error, tryst.NetworkError)
        del clients, error, made
        gc.collect()
        self.assertEqual(len(os.listdir("/proc/self/fd")), before)


class Leaks(unittest.TestCase):
    def growth(self, rounds, body):
        """What leaks takes more each time; a heap that found its size a little late does not."""
        for i in range(rounds // 2):
            body(i)
        for _ in range(3):
            gc.collect()
            before = around.resident_kib()
            for i in range(rounds):
                body(i)
            gc.collect()
            grown = around.resident_kib() - before
            if grown <= MOST_KIB:
                return
        self.fail(f"{grown} KiB more after {rounds} rounds, again and again")

    def test_failures(self):
        client, identity = tryst.Client(NOWHERE), tryst.Identity()

        def body(_):
            for call in (lambda: client.send(9, b"x"), lambda: client.send(1, "x"), lambda: tryst.Address("nonsense"),
                         lambda: tryst.Identity(b"short"), lambda: client.join(""), lambda: client.join("a\0b"),
                         lambda: core.Client("nonsense", identity), lambda: tryst.parse_key("x")):
                try:
                    call()
                except (tryst.Error, TypeError, ValueError):
                    pass

        self.growth(ROUNDS // 4, body)

    def test_values(self):
        client = tryst.Client(NOWHERE)
        key = client.public_key

        def body(_):
            address = tryst.Address("[2001:db8::1]:5")
            hash(address.canonical())
            str(address)
            tryst.parse_key(tryst.format_key(key))
            client.local_addresses()
            client.stats()

        self.growth(ROUNDS // 2, body)

    def test_objects(self):
        def body(i):
            tryst.Pin(NOWHERE)
            tryst.Identity(bytes(32))
            if i % 50 == 0:
                point = endpoint()
                point.join(1, "room")
                list(point.datagrams(1))
                client = tryst.Client(NOWHERE)
                if i % 100 == 0:
                    client.close()

        self.growth(ROUNDS // 20, body)

    def test_messages(self):
        with around.server() as pin, tryst.Client(pin) as one, tryst.Client(pin) as other:
            one.join("room")
            other.join("room")
            peer = None
            while peer is None:
                for event in (*one.events(0.001), *other.events(0.001)):
                    if event.type is tryst.EventType.CONNECTED:
                        peer = event.peer

            def body(_):
                try:
                    one.send(peer, b"a message")
                except (tryst.FullError, tryst.NotConnectedError):  # its own path may be a moment later
                    one.flush()
                for _event in other.events():
                    pass

            self.growth(ROUNDS, body)


if __name__ == "__main__":
    import resource
    resource.setrlimit(resource.RLIMIT_NOFILE, (300, 300))
    unittest.main(verbosity=2)
