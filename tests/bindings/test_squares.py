#!/usr/bin/env python3
"""The games in real windows, each in a home of its own behind a real NAT: LÖVE with LÖVE, pygame with pygame,
and one with the other. With --screenshot FILE the last pair's screens are kept.

SPDX-License-Identifier: MIT
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
import unittest

import tryst
import xscreen

sys.path.insert(0, str(around.SOURCE / "tests" / "lab"))
import natrules
import netlab

EXAMPLES = around.SOURCE / "examples"
COLOURS = (242, 115, 89), (89, 191, 242), (140, 217, 115), (242, 204, 89)
LEAST_PIXELS = 400  # of a square of 33 by 33 that may be partly under the other
SEEN = re.compile(r"own \d at (\d+) (\d+), other (\d) at (\d+) (\d+)")
SCREENSHOT = None


def love():
    """Command and environment of the game in LÖVE; None where it cannot run."""
    module = around.BUILD / "bindings" / "lua" / "5.1" / ".libs" / "tryst.so"
    if not shutil.which("love") or not module.exists():
        return None
    return ["love", str(EXAMPLES / "love")], {"LUA_CPATH": str(module.parent / "?.so")}, "love/tryst-squares"


def pygame():
    """And of the game in pygame."""
    if subprocess.run([around.PYTHON, "-c", "import pygame"], capture_output=True, check=False).returncode != 0:
        return None
    return [around.PYTHON, str(EXAMPLES / "pygame" / "squares.py")], around.python_environment(), "tryst-squares"


def save_identity(path, colour):
    """A player whose square has this colour."""
    while True:
        identity = tryst.Identity()
        if identity.public_key[0] % len(COLOURS) == colour:
            os.makedirs(path.parent, exist_ok=True)
            identity.save(path)
            return


@contextlib.contextmanager
def places(count):
    """(wrapper of commands, server's namespace wrapper, server's address): homes behind NATs, or loopback."""
    if netlab.why_not():
        yield [lambda command: command] * count, lambda command: command, "127.0.0.1"
        return
    with netlab.Lab() as lab:
        hosts = [lab.home(natrules.port_restricted, f"player{number}")[0] for number in range(count)]
        yield ([lambda command, host=host: netlab.inside(host.namespace, command) for host in hosts],
               lambda command: netlab.inside(lab.server, command), netlab.SERVER4)


class Player:
    """One game in one window."""

    def __init__(self, game, wrap, pin, colour, folder):
        command, environment, data = game
        self.colour, self.screen = colour, xscreen.Screen()
        home = str(folder / f"home{colour}")
        save_identity(pathlib.Path(home) / ".local" / "share" / data / "player.key", colour)
        self.log = folder / f"log{colour}"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(wrap([*command, pin, "test", "--auto"]), stdout=log,
                                            stderr=subprocess.STDOUT,
                                            env={**os.environ, **environment, **self.screen.environment(home)})

    def seen(self):
        """Where it saw the other, in order."""
        return [(int(x), int(y)) for _, _, _, x, y in SEEN.findall(self.log.read_text())]

    def close(self):
        """Ends it."""
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.screen.close()


class Squares(unittest.TestCase):
    def play(self, *games):
        if None in games:
            self.skipTest("love or pygame, or its module, is not there")
        with contextlib.ExitStack() as stack:
            wraps, wrap_server, host = stack.enter_context(places(2))
            folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
            server = subprocess.Popen(wrap_server([str(around.BUILD / "trystd"), "--listen", f"{host}:0", "--state",
                                                   str(folder / "state")]), stdout=subprocess.PIPE,
                                      stderr=subprocess.DEVNULL, text=True)
            stack.callback(server.stdout.close)
            stack.callback(server.wait)
            stack.callback(server.terminate)
            pin = server.stdout.readline().strip()
            players = []
            for colour, (game, wrap) in enumerate(zip(games, wraps)):
                players.append(Player(game, wrap, pin, colour, folder))
                stack.callback(players[-1].close)
            try:
                around.wait_until(lambda: all(len(set(player.seen())) >= 4 for player in players),
                                  "square of the other that moves", 30)
            except AssertionError as error:
                raise AssertionError(f"{error}: {[player.log.read_text()[-600:] for player in players]}") from None
            for player in players:
                around.wait_until(lambda player=player: all(
                    player.screen.count(COLOURS[colour]) >= LEAST_PIXELS for colour in (0, 1)), "two squares seen", 15)
            if SCREENSHOT:
                xscreen.write_png(SCREENSHOT, [player.screen for player in players])

    def test_pygame_with_pygame(self):
        self.play(pygame(), pygame())

    def test_love_with_pygame(self):
        self.play(love(), pygame())

    def test_love_with_love(self):
        self.play(love(), love())


if __name__ == "__main__":
    if "--screenshot" in sys.argv:
        at = sys.argv.index("--screenshot")
        SCREENSHOT = os.path.abspath(sys.argv[at + 1])
        del sys.argv[at:at + 2]
    if not shutil.which("Xvfb"):
        around.skip("there is no Xvfb")
    result = unittest.main(verbosity=2, exit=False).result
    ran = result.testsRun - len(result.skipped)
    sys.exit(1 if not result.wasSuccessful() else around.SKIP if ran == 0 else 0)
