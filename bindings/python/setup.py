"""Builds the wheel: the package, and one extension with all of libtryst inside, for who has no libtryst.

It works where it stands in the source tree and at the top of a release's tarball. It wants a C compiler,
pkg-config, libsodium, libuv, OpenSSL and wslay, and the wrapper that SWIG made, which a tarball has in it.
With TRYST_WITHOUT_TLS=1 in the environment OpenSSL and wslay are left out; with TRYST_SYSTEM_LIB=1 the
extension is linked with an installed libtryst instead.

SPDX-License-Identifier: MIT
"""
import contextlib
import os
import pathlib
import re
import shlex
import subprocess
import sys

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE if (HERE / "bindings").is_dir() else HERE.parent.parent
GENERATED = ROOT / "bindings" / "generated"
WRAPPER = "bindings/generated/tryst_python_wrap.c"
NEEDS = ["libsodium >= 1.0.16", "libuv >= 1.38"]
IS_SYSTEM = os.environ.get("TRYST_SYSTEM_LIB", "0") not in ("", "0")
HAS_TLS = not IS_SYSTEM and os.environ.get("TRYST_WITHOUT_TLS", "0") in ("", "0")
if HAS_TLS:
    NEEDS.append("openssl >= 3.0")


def version():
    """The one that configure.ac gives, so that nothing else has to follow it."""
    text = (ROOT / "configure.ac").read_text()
    found = re.search(r"^AC_INIT\(\[tryst\],\[([^]]+)\]\)", text, re.MULTILINE)
    return found.group(1) if found else sys.exit("tryst: configure.ac names no version")


def check_sources():
    """Ends with what is missing, rather than in the middle of a compilation."""
    wanted = ["configure.ac", "README.md", "include/tryst/tryst.h", "lib/lib.am",
              "bindings/python/tryst/__init__.py"]
    missing = [path for path in wanted if not (ROOT / path).is_file()]
    if missing:
        sys.exit(f"tryst: {ROOT} is no source tree of tryst: {', '.join(missing)} missing")
    missing = [str(path) for path in (ROOT / WRAPPER, GENERATED / "core.py") if not path.is_file()]
    if missing:
        sys.exit(f"tryst: SWIG makes {' and '.join(missing)}: run ./bootstrap (or configure and make) first, "
                 "or build from a release's tarball, which has it")


def pkg_config(what, *packages):
    """The words of the compiler or the linker for packages."""
    command = [*shlex.split(os.environ.get("PKG_CONFIG", "pkg-config")), what, "--print-errors", *packages]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as failure:
        sys.exit(f"tryst: {command[0]} does not run ({failure.strerror}); "
                 "on Debian: apt-get install pkg-config")
    if done.returncode != 0:
        sys.exit(f"tryst: {done.stderr.strip()}\ntryst: on Debian: apt-get install libsodium-dev libuv1-dev "
                 "libssl-dev libwslay-dev")
    return shlex.split(done.stdout)


class BuildExt(build_ext):
    """Compiles in the root of the source tree: paths from above the project's folder would leave objects
    wherever they point to. The packages are looked for only here, so that metadata needs none of them."""

    def finalize_options(self):
        super().finalize_options()
        if self.inplace:
            sys.exit("tryst: no editable install, for the package comes from two folders; a build of the "
                     "tree puts it together in bindings/stage")
        self.build_lib, self.build_temp = map(os.path.abspath, (self.build_lib, self.build_temp))

    def build_extension(self, ext):
        packages = [f"tryst = {version()}"] if IS_SYSTEM else NEEDS
        ext.extra_compile_args += pkg_config("--cflags", *packages)
        ext.extra_link_args += pkg_config("--libs", *packages)
        with contextlib.ExitStack() as stack:
            stack.callback(os.chdir, os.getcwd())
            os.chdir(ROOT)
            super().build_extension(ext)


class BuildPy(build_py):
    """Adds the module that SWIG made, from where it stands."""

    def find_package_modules(self, package, package_dir):
        ours = super().find_package_modules(package, package_dir)
        return [*ours, (package, "core", str(GENERATED / "core.py"))]


def extension():
    """Nothing of the library shows: whatever else has a libtryst in the process, this is another one."""
    macros = [("_GNU_SOURCE", None)]
    sources = [WRAPPER]
    link_args = []
    if HAS_TLS:
        macros += [("TR_WITH_TLS", "1")]
        link_args += ["-lwslay"]  # of which Debian has no file for pkg-config
    if not IS_SYSTEM:
        macros += [("TRYST_STATIC", None)]
        sources += sorted(str(path.relative_to(ROOT)) for path in (ROOT / "lib").glob("*/*.c"))
    if sys.platform.startswith("linux"):
        macros += [("HAVE_RECVMMSG", "1"), ("HAVE_SENDMMSG", "1")]
        link_args += ["-Wl,--exclude-libs,ALL"]  # of a static libsodium neither
    return Extension("tryst._core", sources=sources, include_dirs=[str(ROOT), str(ROOT / "include")],
                     define_macros=macros, extra_compile_args=["-std=c11", "-fvisibility=hidden"],
                     extra_link_args=link_args)


def main():
    check_sources()
    work = ROOT / "build-wheel"  # of the tree's own builds none is called so, and Git passes over it
    work.mkdir(exist_ok=True)
    setup(version=version(), long_description=(ROOT / "README.md").read_text(encoding="utf-8"),
          long_description_content_type="text/markdown", packages=["tryst"],
          package_dir={"tryst": os.path.relpath(ROOT / "bindings" / "python" / "tryst", HERE)},
          ext_modules=[extension()], cmdclass={"build_ext": BuildExt, "build_py": BuildPy},
          options={"build": {"build_base": str(work)}, "egg_info": {"egg_base": str(work)},
                   "build_ext": {"force": True}})  # what lies there may be made of other headers


main()
