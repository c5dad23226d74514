#!/usr/bin/env python3
"""The examples as their readers run them: duels within and across languages, and an engine that embeds Lua.

SPDX-License-Identifier: MIT
"""
import concurrent.futures
import contextlib
import itertools
import os
import pathlib
import re
import shlex
import signal
import socket
import subprocess
import tempfile
import unittest

import around

EXAMPLES = around.SOURCE / "examples"


def commands(name, folder=EXAMPLES):
    """{label: (command, environment)} of an example in each language that is built."""
    found = {}
    if (around.STAGE / "tryst" / "_core.so").exists():
        found["python"] = [around.PYTHON, str(folder / "python" / f"{name}.py")], around.python_environment()
    for interpreter, abi in around.luas():
        found[interpreter] = [interpreter, str(folder / "lua" / f"{name}.lua")], around.lua_environment(abi)
    return found


@contextlib.contextmanager
def playing(players, *arguments):
    """The running programs of players; none is left behind."""
    started = []
    try:
        for command, environment in players:
            started.append(subprocess.Popen([*command, *arguments], env=environment, stdout=subprocess.PIPE,
                                            stderr=subprocess.STDOUT, text=True))
        yield started
    finally:
        for process in started:
            process.kill()
            process.wait()
            process.stdout.close()


def rest(process):
    """What a player still prints until it ends."""
    return process.communicate(timeout=around.PATIENCE_S)[0]


def run_all(players, *arguments):
    """Runs players at once, and gives what each printed."""
    with playing(players, *arguments) as started:
        return [rest(process) for process in started]


def line_with(process, words):
    """The first line of a player that has the words in it; fails when it ends without."""
    for line in process.stdout:
        if words in line:
            return line
    raise AssertionError(f"the player ended and never said: {words}")


def session_of(folder, most):
    """Flags for a server whose sessions have room for so many."""
    settings = pathlib.Path(folder) / "trystd.ini"
    settings.write_text(f"[limits]\nsession_participants = {most}\n")
    return "--config", str(settings)


def in_parallel(judge, names):
    """Calls judge(name) for all at once; the first failure is raised."""
    with concurrent.futures.ThreadPoolExecutor(max(1, len(names))) as pool:
        for done in [pool.submit(judge, name) for name in names]:
            done.result()


class Duels(unittest.TestCase):
    def setUp(self):
        self.players = commands("duel")
        if not self.players:
            self.skipTest("no module is built")

    def test_every_language_duels_with_every_other(self):
        def duel(pair):
            for text in run_all([self.players[name] for name in pair], pin, " and ".join(pair), "2"):
                self.assertRegex(text, r"met a player at \S+:\d+", pair)
                places = re.findall(r"the other is at (\d+) (\d+)\n", text)
                self.assertGreater(len(places), 5, (pair, text))  # 20 a second, of which some are equal
                self.assertTrue(all(10 <= int(n) <= 90 for place in places for n in place), (pair, text))

        with around.server() as pin:
            in_parallel(duel, list(itertools.combinations_with_replacement(self.players, 2)))

    def test_ctrl_c_ends_a_duel_cleanly_and_the_other_is_told(self):
        def interrupt(name):
            with playing([self.players[name]] * 2, pin, name, "60") as (one, other):
                for process in (one, other):
                    line_with(process, "the other is at")
                one.send_signal(signal.SIGINT)
                self.assertNotRegex(rest(one), "(?i)traceback|interrupt", name)
                self.assertEqual(one.returncode, 0, name)
                self.assertIn("left: left by itself\n", line_with(other, "left: "), name)

        with around.server() as pin:
            in_parallel(interrupt, list(self.players))

    def test_who_is_refused_reads_why(self):
        def crowd(name):
            said = run_all([self.players[name]] * 2, pin, name, "1.5")
            self.assertEqual(sorted("refused: the session is full\n" in text for text in said), [False, True],
                             (name, said))

        with tempfile.TemporaryDirectory() as folder, around.server(*session_of(folder, 1)) as pin:
            in_parallel(crowd, list(self.players))

    def test_a_server_that_is_silent_is_said_to_be_lost(self):
        def wait(name):
            with playing([self.players[name]], pin, name, "60") as (process,):
                self.assertEqual(line_with(process, "server"), "server-lost: nothing came back\n", name)

        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
            silent.bind(("127.0.0.1", 0))
            pin = f"127.0.0.1:{silent.getsockname()[1]}#{'A' * 43}"
            in_parallel(wait, list(self.players))

    def test_a_player_that_vanishes_is_unreachable_and_ends_no_duel(self):
        faster = (('app="duel"', 'app="duel", keepalive_ms=100, path_ms=400, peer_ms=3000'),
                  ('app = "duel"', 'app = "duel", keepalive_ms = 100, path_ms = 400, peer_ms = 3000'),
                  ("RATE = 20", "RATE = 400"), ("rate = 20", "rate = 400"))

        def vanish(name):
            with playing([players[name]] * 2, pin, name, "6") as (one, other):
                line_with(one, "the other is at")
                one.kill()
                said = rest(other)
                self.assertIn("unreachable: nothing came back\n", said, name)
                self.assertEqual(other.returncode, 0, (name, said))

        with tempfile.TemporaryDirectory() as folder, around.server() as pin:
            folder = pathlib.Path(folder)
            for path in ("python/duel.py", "lua/duel.lua"):  # its clocks sped up, or this takes half a minute
                code = (EXAMPLES / path).read_text()
                fast = code
                for old, new in faster:
                    fast = fast.replace(old, new)
                self.assertEqual(fast.count("400"), 2, path)
                (folder / path).parent.mkdir()
                (folder / path).write_text(fast)
            players = commands("duel", folder)
            in_parallel(vanish, list(players))

    def test_wrong_arguments_are_answered_in_a_sentence(self):
        for name, player in self.players.items():
            for arguments, words in (((), "usage: duel"), (("pin",), "usage: duel"),
                                     (("pin", "room", "soon"), "duel"), (("pin", "room"), "expected form")):
                with playing([player], *arguments) as (process,):
                    said = rest(process)
                    self.assertIn(words, said, name)
                    self.assertEqual(len(said.splitlines()), 1, (name, said))
                    self.assertNotEqual(process.returncode, 0, (name, said))

    def test_the_prototype_is_forty_lines(self):
        for path, opening in (("python/duel.py", "\nimport"), ("lua/duel.lua", "\nlocal")):
            code = (EXAMPLES / path).read_text()
            code = code[code.index(opening):]
            self.assertLessEqual(len([line for line in code.splitlines() if line.strip()]), 40, path)


class Engine(unittest.TestCase):
    def environment(self, folder):
        """One in which pkg-config finds the built library as if it were installed."""
        found = (around.BUILD / "tryst.pc").read_text()
        found = re.sub(r"(?m)^libdir=.*", f"libdir={around.BUILD / '.libs'}", found)
        found = re.sub(r"(?m)^includedir=.*", f"includedir={around.SOURCE / 'include'}", found)
        (pathlib.Path(folder) / "tryst.pc").write_text(found)
        return {**os.environ, "PKG_CONFIG_PATH": folder, "LD_LIBRARY_PATH": str(around.BUILD / ".libs")}

    def build(self, folder, environment):
        """The engine, by the command in its own first comment."""
        code = (EXAMPLES / "embed" / "engine.c").read_text()
        command = re.search(r" \*     (cc .*?-lm)\n", code, re.S).group(1).replace("\\\n *", "")
        compiler = os.environ.get("CC") or "cc"
        if around.is_sanitized():
            compiler += " -fsanitize=address,undefined"
        command = command.replace("-o engine ", f"-o {shlex.quote(folder + '/engine')} ")
        strict = ("cc -std=c11 -Wall -Wextra -Werror -c -o /dev/null engine.c "
                  "$(pkg-config --cflags lua5.4 tryst)")
        for line in (strict, command):
            subprocess.run(["sh", "-c", re.sub(r"^cc", compiler, line)], cwd=EXAMPLES / "embed",
                           env=environment, check=True)

    def setUp(self):
        if subprocess.run(["pkg-config", "--exists", "lua5.4"], check=False).returncode != 0:
            self.skipTest("no Lua 5.4 to embed")
        self.game = str(EXAMPLES / "embed" / "game.lua")
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.surroundings = self.environment(self.folder.name)
        self.build(self.folder.name, self.surroundings)

    def player(self, *arguments):
        return [f"{self.folder.name}/engine", *arguments], self.surroundings

    def test_scripts_of_an_engine_meet(self):
        with around.server() as pin:
            said = run_all([self.player(self.game, pin, name) for name in ("Ann", "Ben")])
        self.assertIn("Ann meets Ben\n", said[0])
        self.assertIn("Ben meets Ann\n", said[1])
        for text in said:
            self.assertRegex(text, r"hears [34]\n")  # both count, one begins
            self.assertNotIn("engine:", text)

    def test_an_engine_says_what_is_wrong_with_a_script(self):
        self.assertIn("usage: engine", run_all([self.player()])[0])
        self.assertIn("engine: cannot open", run_all([self.player("/nowhere.lua")])[0])
        self.assertIn("expected form", run_all([self.player(self.game, "no pin", "Ann")])[0])
        strange = pathlib.Path(self.folder.name) / "strange.lua"
        strange.write_text("error({})")
        self.assertIn("engine: table", run_all([self.player(str(strange))])[0])


if __name__ == "__main__":
    around.need_server()
    unittest.main(verbosity=2)
