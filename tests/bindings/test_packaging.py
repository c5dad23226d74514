#!/usr/bin/env python3
"""What users make of a release's tarball: a wheel, rocks, an installed tree, each used far from the sources.

SPDX-License-Identifier: MIT

Everything is built from what `make distdir` hands out, in a folder of its own, and without optimization:
the compiler's time is most of the test's.
"""
import os
import pathlib
import re
import shutil
import subprocess
import tarfile
import tempfile
import unittest

import around

CONFIGURE = (around.SOURCE / "configure.ac").read_text()
VERSION = re.search(r"^AC_INIT\(\[tryst\],\[([^]]+)\]\)", CONFIGURE, re.M).group(1)
NAME = f"tryst-{VERSION}"
ROCKSPEC = f"{NAME}-1.rockspec"
TOP = ("pyproject.toml", "setup.py", ROCKSPEC)
GENERATED = ("core.py", "lua_prelude.h", "swigluarun.h", "swigpyrun.h", "tryst_lua_wrap.c",
             "tryst_python_wrap.c")
LIMIT_S = 120
WORK = None  # everything lies in here; it goes with the test

# Two players in one script: the first message that arrives is printed, and where the module came from.
PYTHON_MEETING = """
import sys, time, tryst
players = [tryst.Client(sys.argv[1], app="packaging") for _ in range(2)]
for player in players:
    player.join("a room")
over, heard = time.monotonic() + 20, None
while heard is None and time.monotonic() < over:
    for player in players:
        for event in player.events(timeout=0.01):
            if event.type is tryst.EventType.CONNECTED:
                player.send(event.peer, b"well packed")
            elif event.type is tryst.EventType.MESSAGE:
                heard = event.data.decode()
print(tryst.version(), heard, tryst.__file__, sep="|")
"""
LUA_MEETING = """
local tryst = require "tryst"
local players = {}
for i = 1, 2 do
    players[i] = assert(tryst.Client(arg[1], { app = "packaging" }))
    assert(players[i]:join("a room"))
end
local over, heard = tryst.clock() + 20, nil
while not heard and tryst.clock() < over do
    for _, player in ipairs(players) do
        for event in player:events(0.01) do
            if event.type == "connected" then
                player:send(event.peer, "well packed")
            elseif event.type == "message" then
                heard = event.data
            end
        end
    end
end
print(tryst.version() .. "|" .. tostring(heard))
"""


def plain(**more):
    """An environment in which nothing leads back to the sources, to an outer make or to a network."""
    dropped = re.compile("MAKE|MFLAGS|PYTHON|LUA|PIP_|TRYST_|DESTDIR|LD_|PKG_CONFIG|CFLAGS|LDFLAGS|V$|TESTS$")
    kept = {name: value for name, value in os.environ.items() if not dropped.match(name)}
    return {**kept, "HOME": str(WORK), "CFLAGS": "-O0", "PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull,
            "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_CACHE_DIR": "1", "PIP_ROOT_USER_ACTION": "ignore",
            "PYTHONDONTWRITEBYTECODE": "1", **more}


def run(*command, where=None, **environment):
    """Runs a command that has to succeed, and gives what it says."""
    done = subprocess.run([str(word) for word in command], cwd=where or WORK, env=plain(**environment),
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                          text=True, errors="replace", timeout=LIMIT_S, check=False)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))}: {done.returncode}\n{done.stdout[-4000:]}")
    return done.stdout


def says(*command):
    """What a command prints, or nothing where it does not run."""
    try:
        return run(*command)
    except (AssertionError, OSError):
        return ""


def make_tarball():
    """Writes WORK/NAME.tar.gz, as `make dist` does, but outside of the build that others are using."""
    folder = WORK / "dist" / NAME
    folder.parent.mkdir()
    run("make", "-C", around.BUILD, "distdir", f"distdir={folder}")
    with tarfile.open(WORK / f"{NAME}.tar.gz", "w:gz", compresslevel=1) as tarball:
        tarball.add(folder, NAME)
    shutil.rmtree(folder.parent)


def unpack(name):
    """The tarball's folder, unpacked in a place of its own."""
    with tarfile.open(WORK / f"{NAME}.tar.gz") as tarball:
        tarball.extractall(WORK / name)
    return WORK / name / NAME


def exports(module):
    """The symbols that a shared object shows to others."""
    said = run(os.environ.get("NM") or "nm", "-D", "--defined-only", module)
    return {line.split()[-1] for line in said.splitlines()}


def needs(module):
    """The libraries that a shared object names."""
    return re.findall(r"NEEDED\s+(\S+)", run("objdump", "-p", module))


def need_wheels(case):
    """Skips a case where there is nothing to build wheels with."""
    if not says(around.PYTHON, "-m", "pip", "--version"):
        case.skipTest(f"{around.PYTHON} has no pip (Debian: python3-pip)")
    found = says(around.PYTHON, "-c", "import setuptools, wheel; print(setuptools.__version__.split('.')[0])")
    if not found.strip().isdigit() or int(found) < 64:
        case.skipTest(f"{around.PYTHON} has no setuptools 64 and wheel "
                      "(Debian: python3-setuptools, python3-wheel)")


def build_wheel(source, name, **environment):
    """Builds a wheel, installs it into a folder, and gives the folder."""
    made = WORK / f"{name}-wheel"
    run(around.PYTHON, "-m", "pip", "wheel", "--no-build-isolation", "--no-deps", "-w", made, source,
        **environment)
    wheel, = made.glob(f"{NAME}-cp3*.whl")
    run(around.PYTHON, "-m", "pip", "install", "--no-deps", "--target", WORK / name, wheel)
    return WORK / name


def setUpModule():
    global WORK
    folder = tempfile.TemporaryDirectory(prefix="tryst-packaging-")
    unittest.addModuleCleanup(folder.cleanup)
    WORK = pathlib.Path(folder.name).resolve()
    make_tarball()


class Meeting(unittest.TestCase):
    """What is built is used: two clients of it meet over a real server."""

    def meet_in_python(self, place, **environment):
        with around.server() as pin:
            said = run(around.PYTHON, "-c", PYTHON_MEETING, pin, PYTHONPATH=str(place), **environment)
        version, heard, origin = said.strip().split("|")
        self.assertEqual((version, heard), (VERSION, "well packed"))
        self.assertEqual(pathlib.Path(origin), pathlib.Path(place) / "tryst" / "__init__.py")

    def meet_in_lua(self, interpreter, folder, **environment):
        script = WORK / "meeting.lua"
        script.write_text(LUA_MEETING)
        with around.server() as pin:
            said = run(interpreter, script, pin, LUA_PATH="", LUA_CPATH=f"{folder}/?.so", **environment)
        self.assertEqual(said.strip(), f"{VERSION}|well packed")


class Tarball(unittest.TestCase):
    def test_it_holds_what_builds_it_without_swig(self):
        folder = unpack("tarball")
        for name in TOP:
            self.assertTrue((folder / name).is_file(), f"no {name} at the top: is it in dist-hook?")
        for name in GENERATED:
            self.assertGreater((folder / "bindings" / "generated" / name).stat().st_size, 1000, name)

    def test_versions_follow_configure(self):
        folder = around.SOURCE / "bindings" / "lua"
        self.assertEqual([path.name for path in folder.glob("*.rockspec")], [ROCKSPEC])
        text = (folder / ROCKSPEC).read_text()
        self.assertEqual(re.findall(r"tryst-([\d.]+\d)|^version = \"(.+)-1\"", text, re.M),
                         [("", VERSION), (VERSION, ""), (VERSION, "")])

    def test_the_pattern_of_wheel_and_rock_gives_the_sources_of_the_library(self):
        root = unpack("pattern")
        listed = set(re.findall(r"lib/\S+\.c\b", (root / "lib" / "lib.am").read_text()))
        self.assertGreater(len(listed), 30)
        for pattern in ("lib/*/*.c", "lib/**/*.c"):
            self.assertEqual({str(path.relative_to(root)) for path in root.glob(pattern)}, listed)
        self.assertIn(" lib/*/*.c", (root / ROCKSPEC).read_text())


class Wheel(Meeting):
    def setUp(self):
        need_wheels(self)

    def test_a_wheel_of_the_tarball_carries_the_library(self):
        place = build_wheel(WORK / f"{NAME}.tar.gz", "site")
        module, = (place / "tryst").glob("_core*.so")
        self.assertEqual(exports(module), {"PyInit__core"})
        self.assertFalse([name for name in needs(module) if "tryst" in name or "python" in name])
        files = {path.name for path in (place / "tryst").iterdir()}
        python = around.SOURCE / "bindings" / "python" / "tryst"
        wanted = {path.name for path in python.iterdir() if path.suffix in (".py", ".pyi", ".typed")}
        self.assertEqual(files - {module.name, "__pycache__"}, wanted | {"core.py"})
        info, = place.glob("tryst-*.dist-info")
        self.assertIn(f"\nVersion: {VERSION}\n", (info / "METADATA").read_text())
        self.assertTrue((info / "LICENSE").exists())
        self.meet_in_python(place)

    def test_it_says_plainly_what_is_missing(self):
        folder = unpack("missing")
        for place in (folder, folder / "bindings" / "python"):
            said = run(around.PYTHON, "setup.py", "--version", where=place)
            self.assertEqual(said.splitlines()[-1], VERSION)
        self.fails(folder, "pkg-config does not run", PKG_CONFIG="/nowhere/pkg-config")
        self.fails(folder, "libsodium", PKG_CONFIG_LIBDIR="/nowhere")
        (folder / "bindings" / "generated" / "tryst_python_wrap.c").unlink()
        self.fails(folder, "run ./bootstrap")
        (folder / "configure.ac").unlink()
        self.fails(folder, "no source tree of tryst: configure.ac missing")

    def fails(self, folder, words, **environment):
        with self.assertRaisesRegex(AssertionError, re.escape(words)):
            run(around.PYTHON, "setup.py", "bdist_wheel", where=folder, **environment)


class Rock(Meeting):
    def check(self, abi):
        interpreters = [name for name, its in around.LUAS if its == abi and shutil.which(name)]
        if not shutil.which("luarocks"):
            self.skipTest("luarocks is missing (Debian: luarocks)")
        if not interpreters:
            self.skipTest(f"there is no Lua {abi}")
        header = says("luarocks", "--lua-version", abi, "config", "variables.LUA_INCDIR").strip()
        if not header or not (pathlib.Path(header) / "lua.h").exists():
            self.skipTest(f"luarocks finds no lua.h of {abi} (Debian: liblua{abi}-dev, liblua5.1-0-dev)")
        folder, tree = unpack(f"rock-{abi}"), WORK / f"tree-{abi}"
        run("luarocks", "--lua-version", abi, "--tree", tree, "make", "CFLAGS=-O0 -fPIC", where=folder)
        shutil.rmtree(folder)
        module = tree / "lib" / "lua" / abi / "tryst.so"
        self.assertEqual(exports(module), {"luaopen_tryst"})
        self.assertFalse([name for name in needs(module) if "tryst" in name or "lua" in name])
        for interpreter in interpreters:
            with self.subTest(interpreter=interpreter):
                self.meet_in_lua(interpreter, module.parent)

    def test_lua_54(self):
        self.check("5.4")

    def test_lua_51(self):
        self.check("5.1")


class Installed(Meeting):
    """./configure && make && make install, from the tarball, without SWIG."""

    @classmethod
    def setUpClass(cls):
        cls.source, cls.build, cls.root = unpack("source"), WORK / "build", WORK / "root"
        cls.build.mkdir()
        cls.before = cls.times_of_generated()
        cls.said = run(cls.source / "configure", "--enable-bindings", "--disable-server", "--disable-static",
                       "SWIG=/bin/false", f"PYTHON={around.PYTHON}", where=cls.build)
        run("make", "-j2", where=cls.build)
        run("make", "install", f"DESTDIR={cls.root}", where=cls.build)
        makefile = (cls.build / "Makefile").read_text()
        cls.pyexecdir = re.search(r"^pyexecdir = (.*)$", makefile, re.M).group(1).replace(
            "${PYTHON_EXEC_PREFIX}", "/usr/local")
        cls.library = {"LD_LIBRARY_PATH": f"{cls.root}/usr/local/lib"}

    @classmethod
    def times_of_generated(cls):
        return {name: (cls.source / "bindings" / "generated" / name).stat().st_mtime_ns for name in GENERATED}

    def test_nothing_was_generated_again(self):
        self.assertRegex(self.said, rf"Python +yes \({re.escape(around.PYTHON)}\)")
        self.assertEqual(self.times_of_generated(), self.before)

    def test_python_looks_where_it_was_put(self):
        asked = "import site; print(*site.getsitepackages(), sep='\\n')"
        looked = says(around.PYTHON, "-c", asked).splitlines()
        if any(place.startswith("/usr/local/lib") for place in looked):
            self.assertIn(self.pyexecdir, looked)
        place = pathlib.Path(f"{self.root}{self.pyexecdir}")
        self.assertEqual(exports(place / "tryst" / "_core.so"), {"PyInit__core"})
        self.assertIn("libtryst.so.0", needs(place / "tryst" / "_core.so"))
        self.assertFalse((place / "tryst" / "_core.la").exists())
        self.meet_in_python(place, **self.library)

    def test_lua_looks_where_it_was_put(self):
        luas = [(name, abi) for name, abi in around.LUAS if shutil.which(name)
                and re.search(rf"{re.escape(abi)}[^:,]*: yes", self.said)]
        if not luas:
            self.skipTest("there is no Lua with headers")
        for interpreter, abi in luas:
            with self.subTest(interpreter=interpreter):
                folder = f"/usr/local/lib/lua/{abi}"
                looked = says(interpreter, "-e", "print(package.cpath)").strip().split(";")
                self.assertIn(f"{folder}/?.so", looked)
                self.assertEqual(exports(f"{self.root}{folder}/tryst.so"), {"luaopen_tryst"})
                self.assertEqual(os.listdir(f"{self.root}{folder}"), ["tryst.so"])
                self.meet_in_lua(interpreter, f"{self.root}{folder}", **self.library)

    def test_a_wheel_is_linked_with_it_where_that_is_asked_for(self):
        need_wheels(self)
        place = build_wheel(self.source, "system", TRYST_SYSTEM_LIB="1",
                            PKG_CONFIG_SYSROOT_DIR=str(self.root),
                            PKG_CONFIG_PATH=f"{self.root}/usr/local/lib/pkgconfig")
        module, = (place / "tryst").glob("_core*.so")
        self.assertEqual(exports(module), {"PyInit__core"})
        self.assertIn("libtryst.so.0", needs(module))
        self.meet_in_python(place, **self.library)

    def test_uninstall_leaves_nothing(self):
        copy = WORK / "uninstalled"
        shutil.copytree(self.root, copy, symlinks=True)
        self.assertTrue(list(copy.rglob("tryst.so")))
        run("make", "uninstall", f"DESTDIR={copy}", where=self.build)
        left = [str(path) for path in copy.rglob("*") if not path.is_dir() or path.is_symlink()]
        self.assertEqual(left, [])


if __name__ == "__main__":
    around.need_server()
    if not (around.SOURCE / "bindings" / "generated" / "tryst_python_wrap.c").exists():
        around.skip("the wrappers are not made: there is no SWIG")
    unittest.main(verbosity=2)
