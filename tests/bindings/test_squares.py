#!/usr/bin/env python3
"""The games in real windows: LÖVE with LÖVE, pygame with pygame, and one with the other.

SPDX-License-Identifier: MIT

As root each plays in a home of its own behind a real NAT, otherwise all on loopback. With
--screenshot FILE one pair plays, one game of each kind, and the screens are kept in FILE, side by side.
"""
import around

around.become_python()
around.need_server()

# pylint: disable=wrong-import-position
import contextlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

import tryst
import xscreen

sys.path.insert(0, str(around.SOURCE / "tests" / "lab"))
import natrules
import netlab

EXAMPLES = around.SOURCE / "examples"
NAMES = "Ada", "Zoë"
COLOURS = (242, 115, 89), (140, 217, 115)  # of the rows 1 and 3 of the games, which have six
ROWS = 1, 3
FIELD, LIGHT = (26, 28, 38), (222, 227, 235)
LEAST_SQUARE = 500     # pixels of one of 33 by 33: its edge, and the other's trail, may hide some
LEAST_FIELD = 100_000  # of 480 by 336, less grid, squares and trails
LEAST_LIGHT = 100      # of the status line: letters where they are not blurred
STATUS_ROWS = 32       # of the screen, at its top
PLACES = 6             # different ones that a player must have seen the other at
OVER = time.monotonic() + 55  # what all that follows may take
SCREENSHOT = None


def love():
    """Command, environment and folder for data of the game in LÖVE."""
    module = around.BUILD / "bindings" / "lua" / "5.1" / ".libs" / "tryst.so"
    if not shutil.which("love"):
        raise unittest.SkipTest("love is not installed")
    if not module.exists():
        raise unittest.SkipTest("the module for Lua 5.1 is not built")
    environment = {**around.sanitizer(), "LUA_CPATH": str(module.parent / "?.so")}
    return ["love", str(EXAMPLES / "love")], environment, "love/tryst-squares"


def pygame():
    """And of the game in pygame."""
    if subprocess.run([around.PYTHON, "-c", "import pygame"], capture_output=True, check=False).returncode:
        raise unittest.SkipTest("pygame is not installed")
    command = [around.PYTHON, str(EXAMPLES / "pygame" / "squares.py")]
    return command, around.python_environment(), "tryst-squares"


def save_identity(path, row):
    """A player whose square has the colour of a row."""
    os.makedirs(path.parent)
    while True:
        identity = tryst.Identity()
        if identity.public_key[0] % 6 + 1 == row:
            identity.save(path)
            return


def wait(is_true, what):
    """Waits for it, within what is left for all."""
    return around.wait_until(is_true, what, max(0.1, min(20, OVER - time.monotonic())))


def alone(command):
    """The command, which ends with this process."""
    return ["setpriv", "--pdeathsig", "KILL", *command]


@contextlib.contextmanager
def places():
    """(wrapper of the server's command, its address, (wrapper, address seen by others) of each player)."""
    if netlab.why_not():
        yield alone, "127.0.0.1", [(alone, "127.0.0.1")] * 2
        return
    with netlab.Lab() as lab:
        hosts = [lab.home(natrules.port_restricted, name)[0] for name in ("one", "two")]
        yield (lambda command: netlab.inside(lab.server, command), netlab.SERVER4,
               [(lambda command, host=host: netlab.inside(host.namespace, command), host.public[0])
                for host in hosts])


@contextlib.contextmanager
def server(wrap, host, folder):
    """A trystd; gives the line that it prints."""
    command = [str(around.BUILD / "trystd"), "--listen", f"{host}:0", "--state", str(folder / "state")]
    with (folder / "server.log").open("w+") as log:
        process = subprocess.Popen(wrap(command), stdout=log, stderr=subprocess.STDOUT)
        try:
            lines = (folder / "server.log").read_text
            yield wait(lambda: re.search(r"^\S+:\d+#\S+(?=\n)", lines(), re.M), "line of trystd's")[0]
        finally:
            process.terminate()
            process.wait(around.PATIENCE_S)


class Player:
    """One game in one window."""

    def __init__(self, game, wrap, pin, number, folder):
        command, environment, data = game
        home = folder / f"home{number}"
        save_identity(home / ".local" / "share" / data / "player.key", ROWS[number])
        self.other, self.log = 1 - number, folder / f"log{number}"
        self.screen = xscreen.Screen()
        command = wrap([*command, pin, "test", "--auto", "--name", NAMES[number]])
        environment = {**os.environ, **environment, **self.screen.environment(str(home))}
        with self.log.open("w") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=environment)

    def said(self):
        """All that it printed."""
        return self.log.read_text(encoding="utf-8")

    def seen(self):
        """Where it saw the other, by name and colour."""
        if self.process.poll() is not None:
            raise AssertionError(f"the game ended with {self.process.returncode}")
        line = rf"^own \d+ \d+, {NAMES[self.other]} {ROWS[self.other]} (\d+) (\d+)$"
        return {(int(x), int(y)) for x, y in re.findall(line, self.said(), re.M)}

    def shows(self):
        """Whether both squares, the field and the words are on its screen."""
        colours = self.screen.colours()
        return (all(xscreen.count(colours, colour) >= LEAST_SQUARE for colour in COLOURS)
                and xscreen.count(colours, FIELD) >= LEAST_FIELD
                and xscreen.count(self.screen.colours(STATUS_ROWS), LIGHT) >= LEAST_LIGHT)

    def leave(self):
        """Ends the game as the desktop does: it can still say good-bye. Gives how it ended."""
        self.process.terminate()
        try:
            return self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    def close(self):
        """Ends game and screen."""
        self.leave()
        self.screen.close()


class Squares(unittest.TestCase):
    def play(self, *games):
        with contextlib.ExitStack() as stack:
            wrap_server, host, homes = stack.enter_context(places())
            folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tryst-squares-")))
            pin = stack.enter_context(server(wrap_server, host, folder))
            players = []
            for number, (game, (wrap, _)) in enumerate(zip(games, homes)):
                players.append(Player(game, wrap, pin, number, folder))
                stack.callback(players[-1].close)
            try:
                self.judge(players, [public for _, public in homes])
            except AssertionError as error:
                raise AssertionError(f"{error}: {[player.said()[-600:] for player in players]}") from None

    def judge(self, players, publics):
        """Each sees the other, where it goes, and that it leaves."""
        for player in players:
            wait(lambda player=player: len(player.seen()) >= PLACES, "square of the other that moves")
            self.assertIn(f"status: connected directly to {publics[player.other]}:", player.said())
            for x, y in player.seen():  # the way it goes round; what is shown is a little inside
                self.assertTrue(0.5 < ((x - 465) / 300) ** 2 + ((y - 315) / 220) ** 2 < 1.1, (x, y))
            wait(player.shows, "picture of two squares, field and words")
        if SCREENSHOT:
            xscreen.write_png(SCREENSHOT, [player.screen for player in players])
        stays, leaves = players
        self.assertEqual(leaves.leave(), 0)
        wait(lambda: f"status: {NAMES[1]} left: left by itself\n" in stays.said(), "word of who left")
        self.assertIsNone(stays.process.poll())

    def test_love_with_pygame(self):
        self.play(love(), pygame())

    def test_love_with_love(self):
        self.play(love(), love())

    def test_pygame_with_pygame(self):
        self.play(pygame(), pygame())


if __name__ == "__main__":
    arguments = sys.argv[:]
    if "--screenshot" in arguments:
        at = arguments.index("--screenshot")
        SCREENSHOT = os.path.abspath(arguments[at + 1])
        arguments[at:at + 2] = ["Squares.test_love_with_pygame"]
    for needed in ("Xvfb", "setpriv"):
        if not shutil.which(needed):
            around.skip(f"{needed} is not installed")
    result = unittest.main(argv=arguments, verbosity=2, exit=False).result
    is_played = result.testsRun > len(result.skipped)
    sys.exit(1 if not result.wasSuccessful() else 0 if is_played else around.SKIP)
