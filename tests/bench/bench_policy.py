#!/usr/bin/env python3
"""What rules cost: joins a second and each hook in each language (bench_policy.c), and how long the server's loop
is held while hostile hooks are asked: the answer to a ping of an address, a millisecond apart.

SPDX-License-Identifier: MIT
"""
import os
import pathlib
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "bindings"))
import around

around.become_python()
around.need_server()

import tryst  # pylint: disable=wrong-import-position

SECONDS = 8
HOOKS = "register", "session_open", "join", "leave", "session_close", "tick"
ENVIRONMENT = {**os.environ, "TRYST_PYTHONDIR": str(around.STAGE), "TRYST_PYTHON": around.PYTHON,
               "TRYST_WORKER": str(around.SOURCE / "server" / "policy_worker.py")}
LUA_BODY = ("local a, d, p, c = request.address, request.data, request.participants, request.participant "
            "return #d >= 0 and #p >= 0 and #c == 32 and a ~= nil")
PYTHON_BODY = ("return (request.address is not None and len(request.data) >= 0 and len(request.participants) >= 0 "
               "and len(request.participant) == 32)")
HANG = {"lua": "function on_join(request) while true do end end\n",
        "py": "def on_join(request):\n    while True: pass\n", "none": None}


def make_folder(folder):
    """Plug-ins and rules in one place."""
    for name in ("policy-lua.so", "policy-python.so"):
        built = around.BUILD / "server" / ".libs" / name
        if built.exists():
            os.symlink(built, folder / name)
    subprocess.run([*shlex.split(os.environ.get("CC") or "cc"), "-O2", "-shared", "-fPIC",
                    f"-I{around.SOURCE / 'include'}", "-o", str(folder / "rules.so"),
                    str(around.SOURCE / "examples" / "policy" / "capacity.c"), f"-L{around.BUILD / '.libs'}",
                    f"-Wl,-rpath,{around.BUILD / '.libs'}", "-ltryst"], check=True)
    (folder / "rules.lua").write_text("".join(f"function on_{hook}(request) {LUA_BODY} end\n" for hook in HOOKS))
    (folder / "rules.py").write_text("".join(f"def on_{hook}(request):\n    {PYTHON_BODY}\n" for hook in HOOKS))


def ping_forever(port, pin, times, over):
    """Sends one BIND a millisecond, and notes how long each answer takes."""
    with tryst.Endpoint(pin, identity=tryst.Identity(), seed=os.urandom(32), now_us=0) as endpoint, \
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        endpoint.set_server(0, [("127.0.0.1", port)])
        bind = endpoint.output(0).data
        sock.connect(("127.0.0.1", port))
        sock.settimeout(1)
        while time.monotonic() < over:
            start = time.perf_counter()
            sock.send(bind)
            try:
                sock.recv(2000)
            except socket.timeout:
                pass
            spent = time.perf_counter() - start
            times.append(spent * 1000)
            time.sleep(max(0.0, 0.001 - spent))


def join_forever(pin, over):
    """Newcomers, one after the other, each of which costs a hook its time."""
    while time.monotonic() < over:
        with tryst.Client(pin) as client:
            client.join("room")
            for event in client.events(1):
                if event.type in (tryst.EventType.REFUSED, tryst.EventType.REGISTERED):
                    break


def stall(folder, ending):
    """How long answers to pings take while every hook hangs."""
    lines = f"[policy]\nplugins = {folder}\n"
    if HANG[ending]:
        (folder / f"hang.{ending}").write_text(HANG[ending])
        lines += f"script = {folder}/hang.{ending}\n"
    (folder / "ini").write_text(lines)
    server = subprocess.Popen([str(around.BUILD / "trystd"), "--config", str(folder / "ini"), "--listen",
                               "127.0.0.1:0", "--state", str(folder / "state")], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True, env=ENVIRONMENT)
    times, over = [], time.monotonic() + SECONDS
    try:
        pin = server.stdout.readline().strip()
        if not pin:
            return None
        threads = [threading.Thread(target=join_forever, args=(pin, over)) for _ in range(4)]
        for thread in threads:
            thread.start()
        ping_forever(tryst.Pin(pin).port, pin, times, over)
        for thread in threads:
            thread.join()
    finally:
        server.terminate()
        server.wait()
        server.stdout.close()
    return sorted(times)


def main():
    bench = around.BUILD / "tests" / "bench" / "bench_policy"
    with tempfile.TemporaryDirectory(prefix="tryst-bench-") as name:
        folder = pathlib.Path(name)
        make_folder(folder)
        if bench.exists():
            subprocess.run([str(bench), str(folder)], env=ENVIRONMENT, check=False)
        print(f"\nms from a ping to its answer, {SECONDS} s, 4 newcomers at a time   p50     p99   p99.9     max  wanted")
        for ending, what in (("none", "no rules"), ("lua", "a Lua hook that never ends"),
                             ("py", "a Python hook that never ends")):
            times = stall(folder, ending)
            if times is None:
                print(f"{what:48} left out: its plug-in is not built")
                continue
            figures = [times[min(len(times) - 1, int(len(times) * part))] for part in (0.5, 0.99, 0.999, 1)]
            print(f"{what:48}" + "".join(f"{figure:8.2f}" for figure in figures)
                  + ("  p99.9 <= 5" if HANG[ending] else ""))
        shutil.rmtree(folder / "state", ignore_errors=True)


if __name__ == "__main__":
    main()
