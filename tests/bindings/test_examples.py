#!/usr/bin/env python3
"""The examples as their readers run them: duels within and across languages, and an engine that embeds Lua.

SPDX-License-Identifier: MIT
"""
import concurrent.futures
import itertools
import os
import re
import shlex
import subprocess
import tempfile
import unittest

import around

EXAMPLES = around.SOURCE / "examples"


def commands(name):
    """{label: (command, environment)} of an example in each language that is built."""
    found = {}
    if (around.STAGE / "tryst" / "_core.so").exists():
        found["python"] = ([around.PYTHON, str(EXAMPLES / "python" / f"{name}.py")], around.python_environment())
    for interpreter, abi in around.luas():
        found[interpreter] = ([interpreter, str(EXAMPLES / "lua" / f"{name}.lua")], around.lua_environment(abi))
    return found


def run_both(players, *arguments):
    """Runs two players at once, and gives what each printed."""
    started = [subprocess.Popen([*command, *arguments], env=environment, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True) for command, environment in players]
    try:
        return [process.communicate(timeout=around.PATIENCE_S)[0] for process in started]
    finally:
        for process in started:
            process.kill()
            process.wait()


class Duels(unittest.TestCase):
    def test_every_language_duels_with_every_other(self):
        players = commands("duel")
        self.assertTrue(players)
        with around.server() as pin:
            pairs = list(itertools.combinations_with_replacement(players, 2))
            with concurrent.futures.ThreadPoolExecutor(len(pairs)) as pool:
                results = list(pool.map(lambda pair: run_both([players[name] for name in pair], pin,
                                                              " and ".join(pair), "2.5"), pairs))
            for pair, said in zip(pairs, results):
                with self.subTest(pair=pair):
                    for text in said:
                        self.assertRegex(text, r"met a player at \S+:\d+")
                        places = re.findall(r"the other is at (\d+) (\d+)", text)
                        self.assertGreater(len(places), 5, text)  # 20 a second, of which some are equal
                        self.assertTrue(all(10 <= int(n) <= 90 for place in places for n in place), text)
                        self.assertNotIn("Traceback", text)

    def test_the_prototype_is_forty_lines(self):
        for path, mark in ((EXAMPLES / "python" / "duel.py", '"""\nimport'), (EXAMPLES / "lua" / "duel.lua", "local")):
            code = path.read_text()
            code = code[code.index(mark):]
            self.assertLessEqual(len([line for line in code.splitlines() if line.strip()]), 40, path)


class Engine(unittest.TestCase):
    def test_scripts_of_an_engine_meet(self):
        if subprocess.run(["pkg-config", "--exists", "lua5.4"], check=False).returncode != 0:
            self.skipTest("no Lua 5.4 to embed")
        wrapper = around.SOURCE / "bindings" / "generated" / "tryst_lua_wrap.c"
        lua = subprocess.run(["pkg-config", "--cflags", "--libs", "lua5.4"], capture_output=True, text=True, check=True)
        flags = ["-fsanitize=address,undefined"] if around.is_sanitized() else []
        with tempfile.TemporaryDirectory() as folder, around.server() as pin:
            compiler = [*shlex.split(os.environ.get("CC") or "gcc"), f"-I{around.SOURCE / 'include'}", *flags]
            subprocess.run([*compiler, "-std=c11", "-Wall", "-Wextra", "-Werror", *shlex.split(lua.stdout), "-c",
                            str(EXAMPLES / "embed" / "engine.c"), "-o", f"{folder}/engine.o"], check=True)
            subprocess.run([*compiler, "-w", f"{folder}/engine.o", str(wrapper), "-o", f"{folder}/engine",
                            f"-L{around.BUILD / '.libs'}", f"-Wl,-rpath,{around.BUILD / '.libs'}", "-ltryst",
                            *shlex.split(lua.stdout), "-lpthread", "-lm"], check=True)
            players = [([f"{folder}/engine", str(EXAMPLES / "embed" / "game.lua"), pin, name], dict(os.environ))
                       for name in ("Ann", "Ben")]
            said = run_both(players)
        self.assertIn("Ann meets Ben\n", said[0])
        self.assertIn("Ben meets Ann\n", said[1])
        for text in said:
            self.assertRegex(text, r"hears [34]\n")  # both count, one begins


if __name__ == "__main__":
    around.need_server()
    unittest.main(verbosity=2)
