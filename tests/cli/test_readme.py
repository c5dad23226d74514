#!/usr/bin/env python3
# The README, taken at its word: its programs are taken from the page and greet one another.
# SPDX-License-Identifier: MIT
"""TRYST_SOURCE and TRYST_BUILD name the tree and the build; 77 where the server is not built. What stands
on the page in Python and Lua is run where the modules are built."""
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
sys.path.insert(0, str(SOURCE / "tests" / "bindings"))
import around  # noqa: E402  pylint: disable=wrong-import-position

README = (SOURCE / "README.md").read_text()
EXAMPLES = {"C": "greet.c", "Python": "python/greet.py", "Lua": "lua/greet.lua"}


def code_block(name="greet.c"):
    """The program of an example as it stands in the README, without the header of the file."""
    return re.search(r"<!-- examples/%s -->\n```\w+\n(.*?)```" % re.escape(name), README, re.S).group(1)


def script_commands(folder):
    """(command, environment) of the README's scripts, of those whose modules are built."""
    found = []
    if (around.STAGE / "tryst" / "_core.so").exists():
        (folder / "greet.py").write_text(code_block(EXAMPLES["Python"]))
        found.append(([around.PYTHON, str(folder / "greet.py")], around.python_environment()))
    for interpreter, abi in around.luas():
        (folder / "greet.lua").write_text(code_block(EXAMPLES["Lua"]))
        found.append(([interpreter, str(folder / "greet.lua")], around.lua_environment(abi)))
    return found


class Readme(unittest.TestCase):
    def test_the_program_is_the_example_in_the_tree(self):
        for name in EXAMPLES.values():
            text, program = (SOURCE / "examples" / name).read_text(), code_block(name)
            self.assertTrue(text.endswith(program), name)
            self.assertRegex(text[:-len(program)], r"\A((#|--|/\*| \*) .*\n)*\Z", name)  # only a header

    def test_the_program_is_short(self):
        for language, most in (("C", 15), ("Python", 12), ("Lua", 12)):
            lines = [line for line in code_block(EXAMPLES[language]).splitlines() if len(line) > 1]
            self.assertLessEqual(len(lines), most, language)

    def test_links_lead_somewhere(self):
        for target in re.findall(r"\]\(([^)#:]+)\)", README):
            self.assertTrue((SOURCE / target).exists(), target)

    def test_bootstrap_knows_the_commands(self):
        words = subprocess.run(["sh", str(SOURCE / "bootstrap"), "-h"], capture_output=True, text=True,
                               check=True).stdout
        for command in re.findall(r"\./bootstrap (\w+)", README):
            self.assertIn(command, words)

    def test_every_setting_is_in_the_manual_and_the_example(self):
        words = subprocess.run([str(BUILD / "trystd"), "--help"], capture_output=True, text=True, check=True).stdout
        manual, example = ((SOURCE / "docs" / name).read_text() for name in ("trystd.8", "trystd.ini"))
        flags, settings = words.split("a flag wins over the file:")
        for flag in re.findall(r"--([a-z-]+)", flags):
            self.assertRegex(manual, rf"\.(It|Op|Fl|Nm).*Fl Fl {flag}\b|Fl Fl {flag} \|", flag)
        for key in re.findall(r"^  ([a-z_]+)  ", settings, re.M):
            self.assertRegex(manual, rf"(?m)^\.(It )?Cm .*\b{key}\b", key)
            self.assertRegex(example, rf"(?m)^; ?{key} =|^{key} =", key)

    def build(self, folder):
        """The C program, built from the page."""
        (folder / "greet.c").write_text(code_block())
        subprocess.run([*shlex.split(os.environ.get("CC", "cc")), "-std=c11", "-Wall", "-Wextra", "-Werror",
                        *(["-fsanitize=address,undefined"] if around.is_sanitized() else []),
                        f"-I{SOURCE / 'include'}", str(folder / "greet.c"), "-o", str(folder / "greet"),
                        f"-L{BUILD / '.libs'}", "-ltryst", f"-Wl,-rpath,{BUILD / '.libs'}"], check=True)
        # stdbuf: the program prints to a file here, and a file is not a line-buffered terminal; a sanitizer
        # would not have stdbuf's library come before its own
        return ["stdbuf", "-oL", str(folder / "greet")], {**os.environ,
                                                          "ASAN_OPTIONS": "verify_asan_link_order=0"}

    def greet(self, folder, commands):
        """Runs the programs in one session, until each was greeted by all the others."""
        server = subprocess.Popen([str(BUILD / "trystd"), "--listen", "127.0.0.1:0", "--state",
                                   str(folder / "state")], stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL, text=True)
        players, wanted = [], "hello\n" * (len(commands) - 1)
        try:
            pin = server.stdout.readline().strip()
            logs = [folder / f"log{number}" for number in range(len(commands))]
            for (command, environment), log in zip(commands, logs):
                with log.open("w") as output:
                    players.append(subprocess.Popen([*command, pin], stdout=output, env=environment))
            end = time.monotonic() + 15
            while time.monotonic() < end and not all(log.read_text() == wanted for log in logs):
                time.sleep(0.05)
            for log, (command, _) in zip(logs, commands):
                self.assertEqual(log.read_text(), wanted, command)
        finally:
            for process in (*players, server):
                process.kill()
                process.wait()
            server.stdout.close()

    def test_two_of_each_program_greet_each_other_and_all_do(self):
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            commands = [self.build(folder), *script_commands(folder)]
            for command in commands:
                with self.subTest(program=command[0]):
                    self.greet(folder, [command, command])
            if len(commands) > 1:
                self.greet(folder, commands)


if __name__ == "__main__":
    if not (BUILD / "trystd").exists():
        print("skipped: trystd is not built")
        sys.exit(77)
    unittest.main(verbosity=2)
