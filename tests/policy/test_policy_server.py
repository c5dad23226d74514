#!/usr/bin/env python3
"""The example rules, in Lua and in Python, as operators have them: a real trystd asks them about real clients; a reload keeps
what they know, and a script that hangs costs its own answers alone.

SPDX-License-Identifier: MIT
"""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "bindings"))
import around

around.become_python()
around.need_server()

# pylint: disable=wrong-import-position
import contextlib
import json
import os
import signal
import subprocess
import tempfile
import time
import unittest

import tryst

EXAMPLES = around.SOURCE / "examples" / "policy"
PLUGINS = around.BUILD / "server" / ".libs"
# Where the worker of Python finds what is not installed.
ENVIRONMENT = {**os.environ, "TRYST_PYTHONDIR": str(around.STAGE), "TRYST_PYTHON": around.PYTHON,
               "TRYST_WORKER": str(around.SOURCE / "server" / "policy_worker.py")}
ANN, BEN = (tryst.Identity(bytes([number]) * 32) for number in (1, 2))


class Server:
    """A trystd with rules."""

    def __init__(self, script):
        self.folder = tempfile.TemporaryDirectory(prefix="tryst-policy-")
        folder = pathlib.Path(self.folder.name)
        (folder / "ini").write_text(f"[policy]\nplugins = {PLUGINS}\nscript = {script}\n")
        self.log = folder / "log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [str(around.BUILD / "trystd"), "--config", str(folder / "ini"), "--listen", "127.0.0.1:0", "--state",
                 str(folder / "state")], stdout=subprocess.PIPE, stderr=log, text=True, env=ENVIRONMENT)
        self.pin = self.process.stdout.readline().strip()

    def close(self):
        """Ends it."""
        self.process.terminate()
        self.process.wait(around.PATIENCE_S)
        self.process.stdout.close()
        self.folder.cleanup()

    def says(self, part):
        """Waits until the log has it."""
        around.wait_until(lambda: part in self.log.read_text(), part)


class Rules:
    """What holds in each language; ending is a script's."""

    ending = None

    def setUp(self):
        if not (PLUGINS / f"policy-{self.plugin}.so").exists():
            self.skipTest(f"the plug-in for {self.plugin} is not built")
        if self.plugin == "python" and around.is_sanitized():
            self.skipTest("a worker starts with an empty environment, and so without the sanitizer's library")

    @contextlib.contextmanager
    def server(self, script):
        made = Server(script)
        try:
            self.assertTrue(made.pin, made.log.read_text())
            yield made
        finally:
            made.close()

    def ask(self, server, room, data=b"", identity=None):
        """Joins: the client, and its REGISTERED or REFUSED."""
        client = tryst.Client(server.pin, identity=identity)
        self.addCleanup(client.close)
        client.join(room, data)
        for event in client.events(around.PATIENCE_S):
            if event.type in (tryst.EventType.REGISTERED, tryst.EventType.REFUSED):
                return client, event
        raise AssertionError("no answer")

    def allowed(self, *arguments, **keywords):
        client, event = self.ask(*arguments, **keywords)
        self.assertIs(event.type, tryst.EventType.REGISTERED, event)
        return client, event

    def refused(self, words, *arguments, **keywords):
        _, event = self.ask(*arguments, **keywords)
        self.assertIs(event.type, tryst.EventType.REFUSED, event)
        self.assertEqual(event.text, words)
        return event

    def test_allow_list(self):
        with self.server(EXAMPLES / f"allow_list.{self.ending}") as server:
            self.allowed(server, "room", identity=ANN)
            self.refused("you are not on the list", server, "room")
            server.says("Ann comes from 127.0.0.1")

    def test_password_and_capacity(self):
        with self.server(EXAMPLES / f"password.{self.ending}") as server:
            self.refused("a password has four characters or more", server, "room", b"x")
            self.allowed(server, "room", b"secret")
            self.refused("that is not the password", server, "room", b"guess")
            server.process.send_signal(signal.SIGHUP)
            server.says("event=policy-reloaded")
            for _ in range(3):
                self.allowed(server, "room", b"secret")  # known after the reload, too
            _, event = self.ask(server, "room", b"secret")
            self.assertIs(event.reason, tryst.Reason.SESSION_FULL)

    def test_ban_list(self):
        with self.server(EXAMPLES / f"ban_list.{self.ending}") as server:
            event = self.refused("banned: cheating, until May", server, "room", identity=ANN)
            self.assertEqual((event.reason, event.retry_ms), (tryst.Reason.DENIED, 0))
            self.allowed(server, "room", identity=BEN)

    def test_matchmaking(self):
        with self.server(EXAMPLES / f"matchmaking.{self.ending}") as server:
            self.refused("say your rating", server, "match")
            self.assertEqual(self.allowed(server, "match", b"1500")[1].data, b"white")
            self.refused("this match is for ratings around 1500", server, "match", b"1900")
            self.assertEqual(self.allowed(server, "match", b"1600")[1].data, b"black")

    def test_a_script_that_hangs_or_breaks_costs_its_own_answers(self):
        with tempfile.TemporaryDirectory() as folder:
            script = pathlib.Path(folder) / f"rules.{self.ending}"
            script.write_text(self.strange)
            with self.server(script) as server:
                self.allowed(server, "room", b"well")
                for data, failure in ((b"hang", self.stopped), (b"fail", "error")):
                    _, event = self.ask(server, "room", data)
                    self.assertEqual((event.reason, event.text), (tryst.Reason.DENIED, ""))
                    self.assertGreater(event.retry_ms, 0)
                    server.says(f"event=policy-failed hook=on_join failure={failure}")
                    start = time.monotonic()
                    around.wait_until(lambda: self.ask(server, "room", b"well")[1].type is
                                      tryst.EventType.REGISTERED, "answer to the next")
                    self.assertLess(time.monotonic() - start, 5)
                server.says(f"rules.{self.ending}:3: {self.words}")
                script.write_text("x = = 1\n")
                server.process.send_signal(signal.SIGHUP)
                server.says("event=policy-kept")
                server.says(f"rules.{self.ending}:1")
                self.allowed(server, "room", b"well")

    def meet(self, server, first, second):
        """Two join with these data; the paths that each has to the other after a while."""
        clients = [self.allowed(server, "room", data)[0] for data in (first, second)]
        paths = [None, None]
        end = time.monotonic() + 2.5
        while time.monotonic() < end and not all(paths):
            for number, client in enumerate(clients):
                for event in client.events(0.02):
                    if event.type in (tryst.EventType.CONNECTED, tryst.EventType.PATH):
                        paths[number] = event.path
        return paths

    def test_who_hides_or_is_refused_the_relay(self):
        relay = tryst.PathType.RELAY
        with tempfile.TemporaryDirectory() as folder:
            script = pathlib.Path(folder) / f"rules.{self.ending}"
            script.write_text(self.hiding)
            with self.server(script) as server:
                self.assertEqual(self.meet(server, b"", b"hide"), [relay, relay])
            script.write_text(self.hiding + self.unrelayed)
            with self.server(script) as server:
                self.assertEqual(self.meet(server, b"", b"hide"), [None, None])
                server.says("hook=on_relay")

    def test_scripts_are_tried_offline(self):
        with tempfile.TemporaryDirectory() as folder:
            ini = pathlib.Path(folder) / "ini"
            ini.write_text(f"[policy]\nplugins = {PLUGINS}\n")
            trystd = [str(around.BUILD / "trystd"), "--config", str(ini), "--check-policy"]
            done = subprocess.run([*trystd, str(EXAMPLES / f"password.{self.ending}")], capture_output=True, text=True, check=False, env=ENVIRONMENT)
            self.assertTrue(done.stdout.endswith("ok, with on_session_open on_join on_session_close\n"), done)
            requests = ('{"hook":"on_session_open","session":"a","data":"secret"}\n'
                        '{"hook":"on_join","session":"a","data":"secret"}\n'
                        '{"hook":"on_join","session":"a","data":"guess"}\n')
            done = subprocess.run([*trystd, str(EXAMPLES / f"password.{self.ending}"), "--replay", "-"], input=requests,
                                  capture_output=True, text=True, check=False, env=ENVIRONMENT)
            answers = [json.loads(line) for line in done.stdout.splitlines()]
            self.assertEqual([answer["allow"] for answer in answers], [True, True, False], done)
            self.assertEqual((answers[0]["max_participants"], answers[2]["reason"]), (4, "that is not the password"))
            broken = pathlib.Path(folder) / f"broken.{self.ending}"
            broken.write_text("x = = 1\n")
            done = subprocess.run([*trystd, str(broken)], capture_output=True, text=True, check=False, env=ENVIRONMENT)
            self.assertEqual(done.returncode, 1)
            self.assertIn(f"broken.{self.ending}:1", done.stderr)


class Lua(Rules, unittest.TestCase):
    ending, plugin, stopped, words = "lua", "lua", "limit", "oh"
    strange = ("function on_join(request)\n"
               "    if request.data == 'hang' then while true do end end\n"
               "    if request.data == 'fail' then error('oh') end\n"
               "    return true\nend\n")
    hiding = ("function on_join(request)\n"
              "    return { addresses = request.data == 'hide' and 'relay-only' or 'all' }\nend\n")
    unrelayed = "function on_relay(request)\n    return false, 'no'\nend\n"


class Python(Rules, unittest.TestCase):
    ending, plugin, stopped, words = "py", "python", "timeout", "ValueError: oh"
    strange = ("def on_join(request):\n"
               "    while request.data == b'hang': pass\n"
               "    if request.data == b'fail': raise ValueError('oh')\n"
               "    return True\n")
    hiding = ("def on_join(request):\n"
              "    return {'addresses': 'relay-only' if request.data == b'hide' else 'all'}\n")
    unrelayed = "def on_relay(request):\n    return False, 'no'\n"


if __name__ == "__main__":
    unittest.main(verbosity=2)
