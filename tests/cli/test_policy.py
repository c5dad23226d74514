#!/usr/bin/env python3
"""The operator's rules as an operator has them: the example plug-in in C, built from the tree, asked by a real
trystd about real players, and tried offline.

SPDX-License-Identifier: MIT
"""
import json
import os
import pathlib
import shlex
import signal
import subprocess
import sys
import tempfile
import time
import unittest

SOURCE = pathlib.Path(os.environ.get("TRYST_SOURCE", pathlib.Path(__file__).parents[2]))
BUILD = pathlib.Path(os.environ.get("TRYST_BUILD", SOURCE / "build"))
PATIENCE_S = 20


class Rules(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.place = tempfile.TemporaryDirectory()
        cls.folder = pathlib.Path(cls.place.name)
        cls.plugin = cls.folder / "capacity.so"
        subprocess.run([*shlex.split(os.environ.get("CC") or "cc"), "-std=c11", "-Wall", "-Wextra", "-Werror", "-shared",
                        "-fPIC", f"-I{SOURCE / 'include'}", "-o", str(cls.plugin),
                        str(SOURCE / "examples" / "policy" / "capacity.c"), f"-L{BUILD / '.libs'}",
                        f"-Wl,-rpath,{BUILD / '.libs'}", "-ltryst"], check=True)

    @classmethod
    def tearDownClass(cls):
        cls.place.cleanup()

    def check(self, *arguments, **options):
        """Runs trystd to its end."""
        return subprocess.run([str(BUILD / "trystd"), *map(str, arguments)], capture_output=True, text=True,
                              timeout=PATIENCE_S, check=False, **options)

    def serve(self):
        """A server with the rules; gives it, its pin and its log."""
        log = self.folder / "log"
        with log.open("w") as file:
            server = subprocess.Popen([str(BUILD / "trystd"), "--listen", "127.0.0.1:0", "--state",
                                       str(self.folder / "state"), "--policy", str(self.plugin)],
                                      stdout=subprocess.PIPE, stderr=file, text=True)
        self.addCleanup(server.stdout.close)
        self.addCleanup(server.wait, PATIENCE_S)
        self.addCleanup(server.terminate)
        return server, server.stdout.readline().strip(), log

    def join(self, pin):
        """A player that is told to stay."""
        player = subprocess.Popen([str(BUILD / "tryst"), "join", "room", "--server", pin, "--json", "--timeout",
                                   str(PATIENCE_S)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL, text=True)
        self.addCleanup(player.stdout.close)
        self.addCleanup(player.wait, PATIENCE_S)
        self.addCleanup(player.kill)
        return player

    def event(self, player, *names):
        """The next event of one of these names."""
        for line in player.stdout:
            event = json.loads(line)
            if event["event"] in names:
                return event
        raise AssertionError(f"none of {names}")

    def wait_log(self, log, part):
        """Waits until the server's log has it."""
        end = time.monotonic() + PATIENCE_S
        while part not in log.read_text():
            self.assertLess(time.monotonic(), end, log.read_text())
            time.sleep(0.01)

    def test_the_third_is_shown_the_words_of_the_rules(self):
        _, pin, log = self.serve()
        for _ in range(2):
            self.assertEqual(self.event(self.join(pin), "registered", "refused")["event"], "registered")
        refused = self.event(self.join(pin), "registered", "refused")
        self.assertEqual(refused["event"], "refused")
        self.assertEqual(refused["reason"], "the server's rules say no")
        self.assertEqual(refused["text"], "full; you are number 1 to ask")
        self.wait_log(log, "event=policy-denied hook=on_join")

    def test_what_cannot_reload_goes_on(self):
        server, pin, log = self.serve()
        server.send_signal(signal.SIGHUP)
        self.wait_log(log, "event=policy-kept")
        self.assertEqual(self.event(self.join(pin), "registered", "refused")["event"], "registered")

    def test_rules_are_tried_offline(self):
        done = self.check("--check-policy", self.plugin)
        self.assertEqual((done.returncode, done.stdout), (0, f"{self.plugin}: ok, with on_join\n"))
        lines = '{"hook":"on_join","participants":[]}\n\n{"hook":"on_join","participants":[{},{}]}\n{"hook":"on_leave"}\n'
        done = self.check("--check-policy", self.plugin, "--replay", "-", input=lines)
        answers = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual([(a["line"], a["hook"], a["allow"]) for a in answers],
                         [(1, "on_join", True), (3, "on_join", False), (4, "on_leave", True)])
        self.assertEqual(answers[1]["reason"], "full; you are number 1 to ask")
        done = self.check("--check-policy", self.plugin, "--replay", "-", input='{"hook":"on_joy"}\n')
        self.assertEqual(done.returncode, 1)
        self.assertIn("-:1: \"hook\": the name of a hook is expected", done.stderr)

    def test_rules_that_do_not_load_are_told_and_serve_nobody(self):
        for script, words in (("/nowhere/rules.so", "there is no such file"), ("rules.txt", "rules end in"),
                              (str(BUILD / "nothing.so"), "there is no such file")):
            for arguments in (("--check-policy", script),
                              ("--policy", script, "--listen", "127.0.0.1:0", "--state", self.folder / "state")):
                done = self.check(*arguments)
                self.assertEqual((done.returncode, done.stdout), (1, ""), script)
                self.assertIn(words, done.stderr)
        self.assertEqual(self.check("--replay", "x").returncode, 2)


if __name__ == "__main__":
    if not (BUILD / "trystd").exists() or not (BUILD / "tryst").exists():
        print("skipped: trystd or tryst is not built")
        sys.exit(77)
    unittest.main(verbosity=2)
