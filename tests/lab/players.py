"""Runs the server and the players of a lab or a demo, and reads what they say.

SPDX-License-Identifier: MIT
"""

import json
import os
import selectors
import signal
import socket
import subprocess
import tempfile
import time

import netlab

PORT = 7777
START_S = 10.0  # the server's keys are made and its sockets open in far less


class PlayError(Exception):
    """A program of the project did not do what a run needs."""


def find_program(name):
    """The built program and the environment it wants, without libtool's wrapper script."""
    build = os.environ.get("TRYST_BUILD", os.path.join(os.getcwd(), "build"))
    inner = os.path.join(build, ".libs")
    environment = dict(os.environ)
    environment["LD_LIBRARY_PATH"] = os.pathsep.join(
        filter(None, [inner, environment.get("LD_LIBRARY_PATH")]))
    where, name = os.path.split(os.path.join(build, name))
    for path in (os.path.join(where, ".libs", name), os.path.join(where, name)):
        if os.path.isfile(path) and os.access(path, os.X_OK):
            return path, environment
    raise PlayError(f"no {name} in {build}: build first, or set TRYST_BUILD to where it is")


def _end(process, patience_s=2.0):
    """Ends one process, by its id: asked first, then made to."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(patience_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class Program:
    """A child with its output on a pipe and its complaints in a file."""

    def __init__(self, name, arguments, namespace, folder, label, stdin=subprocess.DEVNULL):
        path, environment = find_program(name)
        environment["HOME"] = os.path.join(folder, label)
        os.makedirs(environment["HOME"], exist_ok=True)
        argv = [path] + arguments
        if namespace:
            argv = netlab.inside(namespace, argv)
        self.errors = open(os.path.join(folder, label + ".err"), "w+b")
        self.process = subprocess.Popen(argv, stdin=stdin, stdout=subprocess.PIPE,
                                        stderr=self.errors, env=environment)
        self.buffer = b""
        self.fate = ""  # how it ended, if by itself and badly

    def read(self):
        """What came on stdout since, as whole lines; None at its end."""
        piece = os.read(self.process.stdout.fileno(), 65536)
        self.buffer += piece
        *lines, self.buffer = self.buffer.split(b"\n")
        return [line.decode("utf-8", "replace") for line in lines] if piece else None

    def complaint(self):
        """The last lines of stderr."""
        self.errors.seek(0)
        text = self.errors.read().decode("utf-8", "replace").strip()
        return " / ".join(text.splitlines()[-3:]) or "nothing on stderr"

    def close(self):
        if self.errors.closed:
            return
        code = self.process.poll()
        _end(self.process)
        if code not in (None, 0):
            self.fate = f"ended with {code}: {self.complaint()}"
        self.process.stdout.close()
        self.errors.close()


class Server(Program):
    """trystd, up and with its pin known. Use as a context."""

    def __init__(self, namespace, hosts, folder, port=PORT, extra=()):
        self.port = port
        arguments = ["--state", os.path.join(folder, "state")]
        for host in hosts:
            arguments += ["--listen", f"[{host}]:{port}" if ":" in host else f"{host}:{port}"]
        arguments += extra
        super().__init__("trystd", arguments, namespace, folder, "server")
        try:
            self.key = self._read_pin()
        except PlayError:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _read_pin(self):
        deadline = time.monotonic() + START_S
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            while time.monotonic() < deadline:
                if not selector.select(0.2):
                    continue
                lines = self.read()
                if lines is None:
                    break
                for line in lines:
                    if "#" in line:
                        return line.strip().rsplit("#", 1)[1]
        raise PlayError(f"trystd printed no pin line: {self.complaint()}")

    def pin(self, host):
        """HOST:PORT#KEY for one of its addresses."""
        return (f"[{host}]" if ":" in host else host) + f":{self.port}#{self.key}"


class Player(Program):
    """One `tryst join --json`, and the events it printed. It asks no router for a port unless maps: to
    take back what it asked for takes it a second where there is no such router."""

    def __init__(self, name, namespace, folder, session, pin, at, expect, timeout_s, extra=(),
                 maps=False):
        self.name = name
        self.events = []
        self.open = True
        super().__init__("tryst", ["join", session, "--server", pin, "--json",
                                   "--send", f"hello from {name}", "--expect", str(expect),
                                   "--at", f"{at:.6f}", "--timeout", str(int(timeout_s)),
                                   "--port-mapping", "allow" if maps else "deny", *extra],
                         namespace, folder, name)

    def take(self):
        """Reads what is there; false at the end of the output."""
        lines = self.read()
        if lines is None:
            self.open = False
            return False
        for line in lines:
            try:
                event = json.loads(line)
                event["event"] = event.get("event") or event["type"]
                event["unix_us"] = int(event["unix_us"])
            except (ValueError, KeyError, TypeError):
                raise PlayError(f"{self.name} printed what is no event: {line[:120]}") from None
            self.events.append(event)
        return True

    def said(self, name):
        """Its events of one name."""
        return [event for event in self.events if event["event"] == name]


def play(players, wanted, until):
    """Reads all players until `wanted(player)` holds for each, or all ended, or it is `until`."""
    with selectors.DefaultSelector() as selector:
        for player in players:
            selector.register(player.process.stdout, selectors.EVENT_READ, player)
        while selector.get_map() and time.monotonic() < until:
            for key, _ in selector.select(0.1):
                if not key.data.take():
                    selector.unregister(key.fileobj)
            if all(wanted(player) for player in players):
                break


def free_port(host):
    """A UDP port that nobody holds at the moment."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((host, 0))
        return probe.getsockname()[1]


def unix_us_of(monotonic_s):
    """The wall clock's microseconds at a time of CLOCK_MONOTONIC (namespaces share both)."""
    offset = time.clock_gettime(time.CLOCK_REALTIME) - time.monotonic()
    return int((monotonic_s + offset) * 1e6)


def folder():
    """A private folder for keys and complaints, removed with the context."""
    return tempfile.TemporaryDirectory(prefix="tryst-lab-")
