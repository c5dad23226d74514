#!/usr/bin/env python3
# The README, taken at its word: its C program is built from the page and plays with itself.
# SPDX-License-Identifier: MIT
"""TRYST_SOURCE and TRYST_BUILD name the tree and the build; 77 where the server is not built."""
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile
import time
import unittest

SOURCE = pathlib.Path(os.environ.get("TRYST_SOURCE", pathlib.Path(__file__).parents[2]))
BUILD = pathlib.Path(os.environ.get("TRYST_BUILD", SOURCE / "build"))
README = (SOURCE / "README.md").read_text()


def code_block():
    return re.search(r"<!-- examples/greet.c -->\n```c\n(.*?)```", README, re.S).group(1)


class Readme(unittest.TestCase):
    def test_the_program_is_the_example_in_the_tree(self):
        example = (SOURCE / "examples" / "greet.c").read_text()
        self.assertTrue(example.endswith(code_block()))

    def test_the_program_is_short(self):
        self.assertLessEqual(len([line for line in code_block().splitlines() if len(line) > 1]), 15)

    def test_links_lead_somewhere(self):
        for target in re.findall(r"\]\(([^)#:]+)\)", README):
            self.assertTrue((SOURCE / target).exists(), target)

    def test_bootstrap_knows_the_commands(self):
        words = subprocess.run(["sh", str(SOURCE / "bootstrap"), "-h"], capture_output=True, text=True,
                               check=True).stdout
        for command in re.findall(r"\./bootstrap (\w+)", README):
            self.assertIn(command, words)

    def test_two_of_the_program_greet_each_other(self):
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            program = folder / "greet"
            (folder / "greet.c").write_text(code_block())
            subprocess.run([*shlex.split(os.environ.get("CC", "cc")), "-std=c11", "-Wall", "-Wextra", "-Werror",
                            *shlex.split(os.environ.get("TRYST_TEST_CFLAGS", "")),
                            f"-I{SOURCE / 'include'}", str(folder / "greet.c"), "-o", str(program),
                            f"-L{BUILD / '.libs'}", "-ltryst", f"-Wl,-rpath,{BUILD / '.libs'}"], check=True)
            server = subprocess.Popen([str(BUILD / "trystd"), "--listen", "127.0.0.1:0", "--state",
                                       str(folder / "state")], stdout=subprocess.PIPE,
                                      stderr=subprocess.DEVNULL, text=True)
            self.addCleanup(server.wait, 10)
            self.addCleanup(server.terminate)
            self.addCleanup(server.stdout.close)
            pin = server.stdout.readline().strip()
            logs = [folder / "one", folder / "two"]
            players = []
            for log in logs:
                # stdbuf: the program prints to a pipe here, and a pipe is not a line-buffered terminal
                players.append(subprocess.Popen(["stdbuf", "-oL", str(program), pin], stdout=log.open("w")))
            try:
                end = time.monotonic() + 10
                while time.monotonic() < end and not all("hello\n" in log.read_text() for log in logs):
                    time.sleep(0.05)
                for log in logs:
                    self.assertEqual(log.read_text(), "hello\n")
            finally:
                for player in players:
                    player.kill()
                    player.wait()


if __name__ == "__main__":
    if not (BUILD / "trystd").exists():
        print("skipped: trystd is not built")
        sys.exit(77)
    unittest.main(verbosity=2)
