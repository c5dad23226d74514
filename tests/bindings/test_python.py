#!/usr/bin/env python3
"""The Python module as its users use it, against a real server: sessions, values, failures, events.

SPDX-License-Identifier: MIT
"""
import around

around.become_python()
around.need_server()

# pylint: disable=wrong-import-position
import inspect
import os
import pathlib
import pickle
import socket
import sys
import tempfile
import time
import unittest

import tryst

KEY = str(tryst.Identity(bytes(32)))
NOWHERE = f"127.0.0.1:1#{KEY}"


def play(clients, until, patience_s=around.PATIENCE_S):
    """Runs all clients until until(events) gives something; events is a list for each."""
    events = [[] for _ in clients]
    end = time.monotonic() + patience_s
    while time.monotonic() < end:
        for client, seen in zip(clients, events):
            seen.extend(client.events(0.002))
        found = until(events)
        if found:
            return found
    raise AssertionError(f"not in {patience_s} s: {events}")


def first(events, type_):
    """The first event of a type."""
    return next((event for event in events if event.type is type_), None)


def couple(pin, **options):
    """Two clients that are connected, and the handle that each has for the other."""
    options.setdefault("relay", "deny")  # one path, and so one event of it
    one, other = tryst.Client(pin, **options), tryst.Client(pin, **options)
    one.join("room", b"one\0")
    other.join("room", b"other")
    met = play([one, other], lambda events: all(first(seen, tryst.EventType.CONNECTED) for seen in events)
               and [first(seen, tryst.EventType.CONNECTED).peer for seen in events])
    return one, other, met[0], met[1]


class Session(unittest.TestCase):
    def test_two_meet_talk_and_part(self):
        with around.server() as pin, tryst.Client(pin, app="x") as one, tryst.Client(tryst.Pin(pin), app="x") as other:
            one.join("room", b"one\0")
            other.join("room", bytearray(b"other"))
            seen = play([one, other], lambda all_: all(first(e, tryst.EventType.CONNECTED) for e in all_) and all_)
            registered = first(seen[0], tryst.EventType.REGISTERED)
            self.assertIsInstance(registered.address, tryst.Address)
            self.assertEqual(registered.key, one.public_key)
            joined = first(seen[1], tryst.EventType.JOINED)
            self.assertEqual((joined.data, joined.key), (b"one\0", one.public_key))
            connected = first(seen[1], tryst.EventType.CONNECTED)
            self.assertIs(connected.path, tryst.PathType.DIRECT)
            self.assertIn(connected.kind, (tryst.Kind.HOST, tryst.Kind.PUBLIC, tryst.Kind.OBSERVED))
            for payload in (b"a\0b", bytearray(b"\xff" * 1150), memoryview(b"xyz")[1:]):
                other.send(joined.peer, payload)
                message = play([one, other], lambda all_: first(all_[0], tryst.EventType.MESSAGE))
                self.assertEqual(message.data, bytes(payload))
            self.assertEqual(one.stats().messages_received, 3)
            other.leave()
            left = play([one, other], lambda all_: first(all_[0], tryst.EventType.LEFT))
            self.assertIs(left.reason, tryst.Reason.LEAVE)
            self.assertEqual(left.reason.text, "left by itself")

    def test_a_pair_says_why_it_is_as_it_is(self):
        for relay, pair, path, reason in ((None, "direct", tryst.PathType.DIRECT, tryst.Reason.NONE),
                                          ("only", "relayed", tryst.PathType.RELAY, tryst.Reason.RELAY_ONLY)):
            with around.server() as pin, tryst.Client(pin, relay=relay) as one, tryst.Client(pin) as other:
                one.join("room")
                other.join("room")
                wanted = tryst.EventType.RELAYED if relay else tryst.EventType.CONNECTED
                event = play([one, other], lambda all_, wanted=wanted: all(first(e, wanted) for e in all_) and
                             first(all_[0], wanted))
                play([one, other], lambda all_: all(first(e, tryst.EventType.CONNECTED) for e in all_) or
                     all(c.stats().connected for c in (one, other)))
                self.assertIs(event.reason, reason)
                why = one.why(event.peer)
                self.assertEqual((why.pair, why.path, why.reason), (pair, path, reason))
                self.assertIs(why.relay_reason, tryst.Reason.NONE)
                self.assertEqual(why.side, "own" if relay else "none")
                self.assertTrue(why.sentence.endswith("."), why.sentence)
                self.assertIn("answered", [c.trial for c in why.candidates])
                self.assertEqual([c.path for c in why.candidates if c.is_current], [path])
                self.assertIs(why.own.no_udp, False)
                self.assertIsInstance(why.peer.mapping, str)
                one.send(event.peer, b"counted")
                one.flush()
                paths = one.paths(event.peer)
                self.assertEqual([p.is_current for p in paths], [True] + [False] * (len(paths) - 1))
                self.assertIs(paths[0].path, path)
                self.assertIsInstance(paths[0].address, tryst.Address)
                self.assertGreater(paths[0].bytes_out, 0)
                self.assertIn(one.survey().state, ("none", "running", "done"))
                self.assertIn(one.portmap().state, ("off", "asking", "held", "waiting"))
                for call in (one.why, one.paths):
                    self.assertRaises(tryst.PeerError, call, 0)
                    self.assertRaises(OverflowError, call, -1)
            for call in (one.why, one.paths):
                self.assertRaises(tryst.ClosedError, call, 1)
            self.assertRaises(tryst.ClosedError, one.survey)

    def test_a_full_session_is_refused_with_a_reason(self):
        with tempfile.NamedTemporaryFile("w", suffix=".ini") as file:
            file.write("[limits]\nsession_participants = 1\n")
            file.flush()
            with around.server("--config", file.name) as pin, tryst.Client(pin) as one, tryst.Client(pin) as two:
                one.join("room")
                play([one], lambda all_: first(all_[0], tryst.EventType.REGISTERED))
                two.join("room")
                refused = play([two], lambda all_: first(all_[0], tryst.EventType.REFUSED))
                self.assertIs(refused.reason, tryst.Reason.SESSION_FULL)
                self.assertGreater(refused.retry_ms, 0)

    def test_events_take_so_much_time_in_all(self):
        with tryst.Client(NOWHERE) as client:
            for timeout in (0, 0.05):
                start = time.monotonic()
                self.assertEqual(list(client.events(timeout)), [])
                self.assertTrue(timeout <= time.monotonic() - start < timeout + 1)
            self.assertIs(client.run(0.01), False)

    def test_an_endpoint_registers_over_a_socket_of_ones_own(self):
        with around.server() as pin, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind(("127.0.0.1", 0))
            sock.settimeout(0.02)
            with tryst.Endpoint(pin, identity=tryst.Identity(), seed=os.urandom(32), now_us=0,
                                unix_ms=int(time.time() * 1000)) as endpoint:
                start = time.monotonic()
                endpoint.set_local(0, [sock.getsockname()])
                endpoint.set_server(0, [tryst.Address(tryst.Pin(pin).host, tryst.Pin(pin).port)])
                endpoint.join(0, "room")
                seen = []
                while tryst.EventType.REGISTERED not in seen:
                    now_us = int((time.monotonic() - start) * 1e6)
                    self.assertLess(now_us, around.PATIENCE_S * 1e6)
                    endpoint.tick(now_us)
                    for datagram in endpoint.datagrams(now_us):
                        sock.sendto(datagram.data, datagram.to.sockaddr)
                    try:
                        data, source = sock.recvfrom(2000)
                        endpoint.input(now_us, source, data, sock.getsockname())
                    except socket.timeout:
                        pass
                    seen += [event.type for event in endpoint.events()]
                self.assertEqual([str(a) for a in endpoint.local_addresses()], ["%s:%d" % sock.getsockname()])
                self.assertIsInstance(endpoint.deadline(), int)
                endpoint.leave(10**9)
                self.assertTrue(list(endpoint.datagrams(10**9)))


class Values(unittest.TestCase):
    def test_addresses(self):
        address = tryst.Address("[fe80::1%3]:7")
        self.assertEqual((address.ip, address.port, address.scope, address.family), ("fe80::1", 7, 3, 6))
        self.assertIs(address.address_class, tryst.AddressClass.LINK_LOCAL)
        self.assertEqual(address.sockaddr, ("fe80::1", 7, 0, 3))
        self.assertEqual(repr(tryst.Address("1.2.3.4", 5)), "Address('1.2.3.4:5')")
        self.assertEqual(str(tryst.Address("[::ffff:1.2.3.4]:5").canonical()), "1.2.3.4:5")
        self.assertEqual(len({tryst.Address("1.2.3.4:5"), tryst.Address("1.2.3.4", 5)}), 1)
        self.assertEqual([a.port for a in sorted(map(tryst.Address, ("1.2.3.4:9", "1.2.3.4:5")))], [5, 9])
        self.assertNotEqual(address, "1.2.3.4:5")
        with self.assertRaises(TypeError):
            address < 3  # pylint: disable=pointless-statement
        with self.assertRaises(AttributeError):
            address.port = 5
        self.assertEqual(pickle.loads(pickle.dumps(address)), address)

    def test_identities(self):
        identity = tryst.Identity(b"s" * 32)
        self.assertEqual(identity.public_key, tryst.Identity(bytearray(b"s" * 32)).public_key)
        self.assertEqual(tryst.parse_key(tryst.format_key(identity.public_key)), identity.public_key)
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "me"
            identity.save(path)
            self.assertEqual(tryst.Identity.load(path).public_key, identity.public_key)
            path.chmod(0o644)
            with self.assertRaises(PermissionError):
                tryst.Identity.load(path)
            path.chmod(0o600)
            path.write_text("nonsense")
            with self.assertRaises(tryst.FormatError):
                tryst.Identity.load(path)
        with self.assertRaises(TypeError):
            pickle.dumps(identity)

    def test_pins(self):
        pin = tryst.Pin(f"example.org#{KEY}")
        self.assertEqual((pin.host, pin.port, pin.key), ("example.org", tryst.PORT, tryst.parse_key(KEY)))
        self.assertEqual(pickle.loads(pickle.dumps(pin)), pin)
        self.assertEqual(hash(pin), hash(tryst.Pin(str(pin))))

    def test_ids_are_those_of_requests(self):
        self.assertEqual((len(tryst.app_id("x")), len(tryst.session_id("x", "y"))), (8, 16))
        self.assertNotEqual(tryst.session_id("x", "y"), tryst.session_id("z", "y"))

    def test_enums_have_words(self):
        self.assertEqual(tryst.EventType.SERVER_LOST.text, "server-lost")
        self.assertEqual(tryst.Reason.SILENT.text, "nothing came back")
        self.assertEqual(str(tryst.EventType.MESSAGE), "EventType.MESSAGE")
        self.assertEqual(f"{tryst.EventType.MESSAGE}", "EventType.MESSAGE")
        for words in (tryst.EventType, tryst.PathType, tryst.Kind, tryst.Stage, tryst.Reason, tryst.ErrorCode,
                      tryst.AddressClass):
            self.assertGreater(len(words), 2)
            self.assertTrue(all(isinstance(word.text, str) and word.text for word in words))

    def test_events_show_what_is_set_and_match(self):
        with around.server() as pin, tryst.Client(pin) as client:
            event = play([client], lambda all_: first(all_[0], tryst.EventType.COOKIE))
            self.assertIn("type=EventType.COOKIE", repr(event))
            self.assertIn("address=Address('127.0.0.1:", repr(event))
            self.assertNotIn("retry_ms", repr(event))
            type_, peer, data = event
            self.assertEqual((type_, peer, data), (tryst.EventType.COOKIE, 0, b""))
            if sys.version_info >= (3, 10):
                space = {"event": event, "tryst": tryst}
                exec("match event:\n"  # pylint: disable=exec-used
                     "    case tryst.Event(type=tryst.EventType.COOKIE, address=found): pass", space)
                self.assertEqual(space["found"], event.address)


class Failures(unittest.TestCase):
    def raises(self, ours, builtin, code, call, *arguments, **keywords):
        with self.assertRaises(ours) as caught:
            call(*arguments, **keywords)
        self.assertIsInstance(caught.exception, builtin)
        self.assertIsInstance(caught.exception, tryst.Error)
        self.assertIs(caught.exception.code, code)
        return caught.exception

    def test_each_code_has_its_class_and_its_kin(self):
        code = tryst.ErrorCode
        with tryst.Client(NOWHERE) as client:
            self.raises(tryst.FormatError, ValueError, code.FORMAT, tryst.Client, server="nonsense")
            self.raises(tryst.PeerError, LookupError, code.PEER, client.send, 9, b"x")
            self.raises(tryst.SizeError, ValueError, code.SIZE, client.join, "x" * 65)
            self.raises(tryst.ArgumentError, ValueError, code.ARGUMENT, client.join, "")
            self.raises(tryst.ArgumentError, ValueError, code.ARGUMENT, tryst.Client, NOWHERE, relay="perhaps")
            self.raises(tryst.ArgumentError, ValueError, code.ARGUMENT, tryst.Client, NOWHERE, spray="only")
            self.raises(tryst.ArgumentError, ValueError, code.ARGUMENT, tryst.Client, NOWHERE,
                        port_mapping="perhaps")
            client.join("x")
            self.raises(tryst.StateError, RuntimeError, code.STATE, client.join, "x")
        self.raises(tryst.ClosedError, ValueError, code.CLOSED, client.poll)
        error = self.raises(tryst.FileError, OSError, code.FILE, tryst.Identity.load, "/nowhere/at/all")
        self.assertEqual(error.errno, 2)
        self.assertIn("No such file", str(error))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind(("0.0.0.0", 0))
            error = self.raises(tryst.NetworkError, OSError, code.NETWORK, tryst.Client, NOWHERE,
                                port=sock.getsockname()[1], no_ipv6=True)
            self.assertEqual(os.strerror(error.errno), "Address already in use")
        kin = {cls.code for cls in tryst.Error.__subclasses__()}
        self.assertEqual(kin, set(code))

    def test_wrong_arguments_are_told_as_python_tells_them(self):
        with tryst.Client(NOWHERE) as client:
            for error, call in (
                    (TypeError, lambda: client.send(1, "text")), (TypeError, lambda: client.send("1", b"")),
                    (OverflowError, lambda: client.send(-1, b"x")), (OverflowError, lambda: client.send(2**32, b"x")),
                    (TypeError, lambda: client.join(b"bytes")), (ValueError, lambda: client.join("a\0b")),
                    (ValueError, lambda: client.run(-1)), (TypeError, lambda: client.run("1")),
                    (ValueError, lambda: client.run(float("nan"))), (ValueError, lambda: client.events(-1)),
                    (TypeError, lambda: tryst.Client(NOWHERE, bogus=1)), (TypeError, lambda: tryst.Client()),
                    (TypeError, lambda: tryst.Client(NOWHERE, identity=3)),
                    (OverflowError, lambda: tryst.Client(NOWHERE, port=65536))):
                with self.assertRaises(error):
                    call()
            self.assertFalse(client.closed)


class Face(unittest.TestCase):
    def test_everything_public_is_there_and_said(self):
        for name in tryst.__all__:
            self.assertTrue(hasattr(tryst, name), name)
            made = getattr(tryst, name)
            if inspect.isclass(made):
                self.assertEqual(made.__module__, "tryst", name)
                self.assertTrue(inspect.getdoc(made), name)
        public = {name for name in vars(tryst) if not name.startswith("_") and name != "core"}
        self.assertEqual(public, set(tryst.__all__))

    def test_signatures_and_docstrings(self):
        self.assertEqual(str(inspect.signature(tryst.Client.join)), "(self, session, data=None)")
        self.assertEqual(str(inspect.signature(tryst.Client.run)), "(self, timeout=None)")
        for cls in (tryst.Client, tryst.Endpoint, tryst.Identity, tryst.Address, tryst.Pin):
            for name, member in vars(cls).items():
                if inspect.isfunction(member) and not name.startswith("_"):
                    self.assertTrue(inspect.getdoc(member), f"{cls.__name__}.{name}")

    def test_the_version_is_the_packages(self):
        self.assertEqual(tryst.version(), os.environ.get("TRYST_VERSION", tryst.__version__))


if __name__ == "__main__":
    unittest.main(verbosity=2)
