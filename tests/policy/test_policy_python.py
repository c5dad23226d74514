#!/usr/bin/env python3
"""The plug-in for rules in Python, with scripts that try everything: each costs its own answer, and no more.

SPDX-License-Identifier: MIT

TRYST_POLICY_PYTHON and TRYST_ASK name another plug-in and another tests/policy/ask.
"""
import os
import pathlib
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

SOURCE = pathlib.Path(os.environ.get("TRYST_SOURCE") or pathlib.Path(__file__).resolve().parents[2])
sys.path.insert(0, str(SOURCE / "tests" / "bindings"))
import around  # noqa: E402  pylint: disable=wrong-import-position

BUILD = around.BUILD
PLUGIN = os.environ.get("TRYST_POLICY_PYTHON") or str(BUILD / "server" / ".libs" / "policy-python.so")
ASK = os.environ.get("TRYST_ASK") or str(BUILD / "tests" / "policy" / "ask")
DEADLINE_MS = 200
LATE_MS = 1000  # a deadline that is kept this badly is not kept
NO_LIMIT = 2 ** 32 - 1
HOSTILE = SOURCE / "tests" / "policy" / "hostile.py"
ANSWER = ("hook", "verdict", "failure", "reason", "detail", "ms")


def environment(folder):
    """Where the worker finds things. Its environment is empty: what a sanitizer needs is said by a script."""
    made = {**os.environ, "TRYST_PYTHONDIR": str(around.STAGE), "TRYST_PYTHON": around.PYTHON,
            "TRYST_WORKER": str(SOURCE / "server" / "policy_worker.py")}
    if around.is_sanitized():
        start = pathlib.Path(folder) / "python"
        # Its report of a crash takes longer than a worker has.
        given = " ".join(f"{name}='{value}{':handle_segv=0' if 'OPTIONS' in name else ''}'"
                         for name, value in around.sanitizer().items())
        start.write_text(f"#!/bin/sh\nexport {given}\nexec {around.PYTHON} \"$@\"\n")
        start.chmod(0o755)
        made["TRYST_PYTHON"] = str(start)
    return made


def processes(mark):
    """Processes that were given a path as argument; dead ones that nobody has reaped, too, by their group."""
    found = set()
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (folder / "cmdline").read_bytes():
                found.add(int(folder.name))
        except OSError:
            pass
    return found


def kin(groups):
    """Processes in any of these groups or sessions, dead or alive."""
    found = set()
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rsplit(")", 1)[1].split()
            if int(fields[2]) in groups or int(fields[3]) in groups:
                found.add(int(folder.name))
        except OSError:
            pass
    return found


class Pool:
    """A plug-in with a script, asked line by line."""

    def __init__(self, script, folder, **options):
        options = {"deadline_ms": DEADLINE_MS, "workers": 1, **options}
        if around.is_sanitized():
            options.setdefault("memory", NO_LIMIT)
        arguments = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
        self.script = str(script)
        self.logged = []
        self.rest = b""
        self.process = subprocess.Popen([ASK, *arguments, PLUGIN, self.script, "-"], cwd=folder,
                                        env=environment(folder), stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE)
        self.opened = self.next("open")
        self.groups = processes(self.script) - {self.process.pid}

    def line(self):
        """The next line, without its end."""
        end = time.monotonic() + around.PATIENCE_S
        while b"\n" not in self.rest:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.process.stdout], [], [], left)[0]:
                raise AssertionError(f"silence; so far: {self.logged}")
            got = os.read(self.process.stdout.fileno(), 65536)
            if not got:
                raise AssertionError(f"ask has ended; so far: {self.logged}")
            self.rest += got
        line, _, self.rest = self.rest.partition(b"\n")
        return line.decode(errors="replace").split("\t")

    def next(self, kind):
        """The next line that is none of the log; it is of this kind."""
        while True:
            fields = self.line()
            if fields[0] != "log":
                assert fields[0] == kind, fields
                return fields
            self.logged.append(fields[2])

    def do(self, step):
        """Takes a step that gives no answer."""
        self.process.stdin.write(step.encode() + b"\n")
        self.process.stdin.flush()

    def many(self, step, count=1):
        """Answers to a question, by name."""
        self.do(step if count == 1 else f"{step},times={count}")
        answers = [self.next(step.partition(":")[0]) for _ in range(count)]
        self.groups |= processes(self.script) - {self.process.pid}
        return [{**dict(zip(ANSWER, fields)), "ms": float(fields[5]), "more": fields[6:]}
                for fields in answers]

    def ask(self, data, hook="on_join"):
        """The answer to a question with this user data."""
        return self.many(f"{hook}:data={data}")[0]

    def reload(self):
        """Loads the rules again: ok or failed, and why."""
        self.do("reload")
        return tuple(self.next("reload")[1:])

    def wait_up(self, data="fine"):
        """Asks until the answer is one of the script's own."""
        def is_up():
            answer = self.ask(data)
            return answer if answer["failure"] == "none" else None
        return around.wait_until(is_up, "worker")

    def wait_logged(self, pattern, data="fine"):
        """Asks on until a line like this is in the log."""
        def is_logged():
            self.ask(data)
            return any(re.search(pattern, line) for line in self.logged)
        around.wait_until(is_logged, f"line like {pattern} among {self.logged[-5:]}")

    def wait_loaded(self, count):
        """Asks until so many workers have said that they run the script."""
        def is_loaded():
            self.ask("fine")
            return sum("loaded" in line for line in self.logged) >= count
        around.wait_until(is_loaded, f"worker {count}")

    def close(self):
        """Ends it; gives the longest call, in milliseconds."""
        self.process.stdin.close()
        longest = float(self.next("submit")[1])
        self.process.wait(around.PATIENCE_S)
        self.process.stdout.close()
        return longest

    def has_left(self):
        """Whether anything of it is there yet: what init has to reap may take a moment."""
        return bool(kin(self.groups) | processes(self.script))


class Case(unittest.TestCase):
    """A folder, and pools that are looked after."""

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tryst-policy-"))
        self.addCleanup(shutil.rmtree, self.folder)

    def write(self, text, name="rules.py"):
        """A script."""
        (self.folder / name).write_text(text)
        return self.folder / name

    def open(self, script, **options):
        """A pool that leaves nothing behind."""
        pool = Pool(script, self.folder, **options)

        def close():
            longest = pool.close()
            around.wait_until(lambda: not pool.has_left(), "end of the workers")
            self.assertLess(longest, DEADLINE_MS + LATE_MS, "the caller was held")
        self.addCleanup(close)
        self.assertEqual(pool.opened[1], "ok", pool.opened)
        return pool

    def fail_open(self, text, **options):
        """Why a script does not load."""
        pool = Pool(self.write(text), self.folder, **options)
        pool.process.communicate(timeout=around.PATIENCE_S)
        self.assertEqual(pool.opened[1], "failed", pool.opened)
        self.assertEqual(processes(pool.script), set())
        return pool.opened[2], pool.logged

    def check(self, answer, failures, detail=""):
        """Denied, in time, for one of these reasons."""
        self.assertEqual(answer["verdict"], "deny", answer)
        self.assertIn(answer["failure"], failures.split(), answer)
        self.assertTrue(re.search(detail, answer["detail"]), (detail, answer))
        self.assertLess(answer["ms"], DEADLINE_MS + LATE_MS, answer)


class Hostile(Case):
    """hostile.py, feat by feat. The pool serves after each of them."""

    def setUp(self):
        super().setUp()
        shutil.copy(HOSTILE, self.folder)
        self.victim = self.folder / "victim"
        self.victim.write_text("whole")
        self.pool = self.open(self.folder / "hostile.py")

    def each(self, failures, **feats):
        """All of these are denied; the values are patterns of what the log is told."""
        for feat, detail in feats.items():
            with self.subTest(feat=feat):
                self.check(self.pool.ask(feat), failures, detail)
                self.assertEqual(self.pool.wait_up()["verdict"], "allow")

    def test_what_takes_too_long_is_killed(self):
        late = "no answer by the deadline|not done after 200 ms"
        self.each("timeout", **dict.fromkeys(
            ("loop", "loop_caught", "loop_deaf", "loop_traced", "sleep", "regex", "power", "linger",
             "endless", "stop"), late))
        self.pool.wait_logged("on_join: not done after 200 ms, so its worker was killed")

    @unittest.skipIf(around.is_sanitized(), "a sanitizer takes all address space there is")
    def test_memory_ends_at_its_limit(self):
        self.each("limit", memory=r"hostile.py:\d+: no memory left")
        self.each("limit timeout", memory_slow="")
        self.each("error limit timeout crash", recurse_deep="")
        self.pool.ask("memory_kept")
        self.pool.wait_up()

    def test_errors_are_told_with_their_place(self):
        self.each("error", **{
            "raise": r"hostile.py:\d+: ValueError: my\?words$", "odd": "Odd, which", "exit": "SystemExit",
            "recurse": r"hostile.py:\d+: RecursionError: ", "group": "BaseException: base",
            "unspeakable": r"hostile.py:\d+: Unspeakable, which", "long": r"Long: \?\[2J\?\?",
            "interrupt": "KeyboardInterrupt", "no such feat": "KeyError: 'no such feat'"})

    def test_an_end_of_the_process_is_a_crash(self):
        ended = "its process ended"
        self.each("crash", os_exit=ended, kill=ended, abort=ended, segfault=ended, close_channel=ended,
                  close_all=ended)
        self.pool.wait_logged("a worker ended: exit status 3")
        self.pool.wait_logged("a worker ended: Segmentation fault")

    def test_no_child_is_made_or_stays(self):
        """Where the kernel cannot forbid it, they are killed."""
        self.each("error timeout crash limit", **dict.fromkeys(
            ("fork_bomb", "fork_keeping", "fork_by_libc", "spawn", "thread", "session", "timer", "exec"), ""))
        self.pool.wait_up()
        self.assertEqual(len(processes(self.pool.script) - {self.pool.process.pid}), 1)

    def test_what_is_written_to_the_channel_is_judged(self):
        self.each("crash", garbage="of another size", megabytes="of another size", nothing="",
                  descriptors="of another size", patch_judge="out of its bounds",
                  forge_sequence="another question", forge_word="nobody knows",
                  forge_ready="nobody asked for", forge_dumped="another kind", forge_size="too much state",
                  forge_failure="cannot know of", forge_both="cannot know of")
        self.each("crash", **dict.fromkeys(
            ("forge_allow", "forge_participants", "forge_addresses", "forge_expires", "forge_relay",
             "forge_data"),
            "out of its bounds"))
        self.each("crash", **dict.fromkeys(
            ("forge_endless", "forge_control", "forge_bytes", "forge_half", "forge_c1"), "that is none"))
        self.assertEqual(self.pool.ask("forge_twice")["verdict"], "allow")
        self.pool.wait_up()
        self.assertEqual(self.pool.ask("patch")["verdict"], "allow")
        self.check(self.pool.ask("fine"), "crash", "of another size")
        self.pool.wait_up()

    def test_only_answers_are_answers(self):
        details = {
            "none": "on_join: None is no answer", "one": "of type int", "yes": "of type str",
            "list": "of type list", **dict.fromkeys(("empty", "lone", "three"), "of type tuple"),
            "number": '"reason" is a', "swapped": '"allow" is a', "text": '"reason" is a',
            "object": "of type object", "key": "is a key", "class": "of type Dict",
            "unknown": '"alow" is nothing', "allow": '"allow" is a value of type int',
            "reason": '"reason" is a value of type bytes', "where": '"addresses" is none of',
            "list_where": '"addresses" is none', "data": "longer than 128", "utf8": "longer than 128",
            "array": "of type bytearray", "huge": '"x{32}" is nothing', "odd_key": r'"\?\?" is nothing',
            **dict.fromkeys(("few", "many", "bool"), "from 1 to 256"),
            **dict.fromkeys(("float", "past", "far", "own"), "from 1 to 2147483647"),
            "much": "from 1 to 10000000"}
        for name, detail in details.items():
            with self.subTest(returned=name):
                self.check(self.pool.ask(f"returned {name}"), "answer", detail)
        self.assertEqual(self.pool.logged[1:], [], "the worker was started anew")

    def test_answers_are_what_was_returned(self):
        for name, verdict, reason, *more in (
                ("dict", "allow", ""), ("refused", "deny", "x" * 62), ("true", "allow", ""),
                ("all", "allow", "", "max_participants=256", "addresses=relay-only",
                 "expires_s=2147483647", "relay_kbps=10000000", "data=00ff"),
                ("words", "allow", "", "max_participants=1", "addresses=same-public", "expires_s=1",
                 "data=e282ac"),
                ("lines", "deny", "a?b?c?d?e?f"), ("nil", "deny", ""), ("long", "deny", "\u20ac" * 21)):
            with self.subTest(given=name):
                answer = self.pool.ask(f"given {name}")
                self.assertEqual([answer["verdict"], answer["failure"], answer["reason"], *answer["more"]],
                                 [verdict, "none", reason, *more])
        self.assertEqual([self.pool.ask(name)["reason"] for name in ("no", "full")], ["", "fu\u20acll"])

    def test_a_worker_sees_nothing_and_can_do_nothing(self):
        for feat in ("unbind", "files", *(() if around.is_sanitized() else ("surroundings",))):
            answer = self.pool.ask(feat)
            self.assertEqual(answer["verdict"], "allow", f"{feat}: {answer} {self.pool.logged}")
        weak = [line for line in self.pool.logged if line.startswith("this kernel does not keep scripts")]
        if weak:
            self.skipTest(", ".join(weak))
        self.each("error", **dict.fromkeys(
            ("write", "append", "unlink", "truncate", "rename", "folder", "link", "network", "kill_server",
             "kill_all", "slow_server", "limit_server"), "PermissionError"))
        self.assertEqual(sorted(path.name for path in self.folder.iterdir() if path.name != "python"),
                         ["hostile.py", "victim"])
        self.assertEqual(self.victim.read_text(), "whole")

    def test_a_request_is_good_for_its_own_hook(self):
        self.assertEqual(self.pool.ask("stash")["verdict"], "allow")
        self.check(self.pool.ask("stashed"), "error", r"hostile.py:\d+: ")

    def test_what_is_printed_goes_to_the_log(self):
        self.assertEqual(self.pool.ask("print_odd")["verdict"], "allow")
        self.pool.wait_logged("to the other one")
        self.pool.do("wait:ms=1100")
        self.assertEqual(self.pool.ask("print_much")["verdict"], "allow")
        for line in (r"?[31mred? tab \ud800yyy", "y" * 400, "no endline 0"):
            self.assertTrue([found for found in self.pool.logged if line in found], (line, self.pool.logged))
        self.pool.do("wait:ms=1100")
        self.pool.wait_logged(r"^\d+ more printed lines are left out$")
        self.assertLessEqual(len([line for line in self.pool.logged if line.startswith("line ")]), 50)
        self.check(self.pool.ask("flood"), "timeout")
        self.pool.wait_up()
        self.assertLessEqual(self.pool.logged.count("flood"), 100)
        self.assertEqual(self.pool.ask("close_output")["verdict"], "allow")
        self.assertEqual(self.pool.ask("fine")["verdict"], "allow")

    def test_what_needs_no_answer_may_fail_as_well(self):
        self.check(self.pool.ask("", "on_leave"), "error", "ValueError: left")
        self.check(self.pool.ask("", "on_tick"), "timeout")
        self.assertEqual(self.pool.wait_up()["verdict"], "allow")
        self.assertEqual(self.pool.ask("", "on_register")["verdict"], "allow")


class Workers(Case):
    """Who is asked, who is told, who comes after whom."""

    def test_a_second_worker_serves_while_the_first_is_replaced(self):
        shutil.copy(HOSTILE, self.folder)
        pool = self.open(self.folder / "hostile.py", workers=2)
        for feat, started in (("loop", 2), ("segfault", 3)):
            pool.wait_loaded(started)
            pool.do("wait:ms=100")
            self.assertEqual(pool.ask(feat)["verdict"], "deny")
            self.assertEqual(pool.ask("fine")["verdict"], "allow")

    def test_all_are_told_and_one_is_asked(self):
        pool = self.open(self.write("import os, time\ndef on_leave(r): print('left', os.getpid())\n"
                                    "def on_join(r):\n    time.sleep(0.001)\n"
                                    "    return False, str(os.getpid())\nprint('loaded')\n"), workers=3)
        pool.wait_loaded(3)  # which says each itself, before the pool knows it
        around.wait_until(lambda: len({answer["reason"] for answer in pool.many("on_join:data=", 100)}) == 3,
                          "answers of all")
        self.assertEqual(pool.ask("", "on_leave")["verdict"], "allow")
        around.wait_until(lambda: pool.ask("") and len({line for line in pool.logged if "left" in line}) == 3,
                          "lines of all")
        self.assertEqual(len({pool.ask("")["reason"] for _ in range(5)}), 1)

    def test_a_question_that_waited_for_others_does_not_cost_the_worker(self):
        shutil.copy(HOSTILE, self.folder)
        pool = self.open(self.folder / "hostile.py")
        verdicts = [answer["failure"] for answer in pool.many("on_join:data=nap", 3)]
        self.assertEqual(verdicts, ["none", "timeout", "timeout"])
        self.assertEqual(pool.reload(), ("ok", ""))  # and the old one is at the second yet
        pool.do("wait:ms=300")
        self.assertEqual(pool.wait_up()["verdict"], "allow")
        self.assertEqual([line for line in pool.logged if "killed" in line or "ended" in line], [])

    def test_too_many_questions_are_refused_at_once(self):
        pool = self.open(self.write("import time\ndef on_tick(r): time.sleep(0.1)\n"))
        self.assertIn("timeout", [answer["failure"] for answer in pool.many("on_tick:data=", 1000)])
        self.assertIn("overload", [answer["failure"] for answer in pool.many("on_tick:data=", 1000)])

    def test_who_keeps_dying_young_is_started_ever_later(self):
        shutil.copy(HOSTILE, self.folder)
        pool = self.open(self.folder / "hostile.py")
        end = time.monotonic() + 2
        while time.monotonic() < end:
            self.assertEqual(pool.ask("kill")["verdict"], "deny")
        started = sum("loaded" in line for line in pool.logged)
        self.assertLess(3, started)
        self.assertLess(started, 12)  # at 0, 0, 50, 150, 350, 750, 1550 ms, and what they take to load

    def test_they_end_with_the_server(self):
        shutil.copy(HOSTILE, self.folder)
        pool = Pool(self.folder / "hostile.py", self.folder, workers=2)
        pool.do("on_join:data=loop_deaf")
        pool.process.send_signal(signal.SIGKILL)
        pool.process.communicate(timeout=around.PATIENCE_S)
        around.wait_until(lambda: not processes(pool.script), "end of the workers")


class Loading(Case):
    """Scripts that do not load; state, and reloading."""

    def test_a_script_that_does_not_load_says_where(self):
        for text, words in (
                ("def on_join(r:\n", r"rules.py:1: SyntaxError: "), ("x = 1\n\nx.y\n", "rules.py:3: Attr"),
                ("import nothing", "rules.py:1: ModuleNotFoundError"), ("on_join = 3", "on_join is no"),
                ("while True: pass", "not loaded after 300 ms"), ("import os; os._exit(1)", "ended"),
                ("raise SystemExit('so')", "rules.py:1: SystemExit: so"), ("\0", "rules.py.*null")):
            with self.subTest(text=text):
                self.assertRegex(self.fail_open(text, load_ms=300 if "while" in text else 5000)[0], words)
        self.assertEqual(self.fail_open("print('so far'); 1 / 0")[1], ["so far"])
        pool = Pool(self.folder / "nowhere.py", self.folder)
        pool.process.communicate(timeout=around.PATIENCE_S)
        self.assertRegex(pool.opened[2], "nowhere.py: No such file")

    COUNT = ("def on_join(r):\n    state['asked'] = state.get('asked', 0) + 1\n"
             "    return False, f\"{NAME} {state['asked']}\"\n")

    def test_relaying_is_answered(self):
        pool = self.open(self.write("def on_relay(r): return {'relay_kbps': 250} if r.data == b'' else False\n"))
        self.assertEqual(pool.ask("", "on_relay")["more"], ["relay_kbps=250"])
        self.assertEqual(pool.ask("no", "on_relay")["verdict"], "deny")

    def test_state_goes_over_to_the_next_script(self):
        script = self.write("NAME = 'old'\n" + self.COUNT)
        pool = self.open(script, workers=3)
        pool.do("wait:ms=300")
        self.assertEqual([answer["reason"] for answer in pool.many("on_join:data=", 20)],
                         [f"old {number}" for number in range(1, 21)])
        for bad, why in (("def on_join(", "rules.py:1: SyntaxError"),
                         ("def on_reload():\n    1 / 0\n", "rules.py:2: ZeroDivisionError")):
            self.write(bad)
            result, error = pool.reload()
            self.assertEqual(result, "failed")
            self.assertRegex(error, why)
        self.assertEqual(pool.ask("")["reason"], "old 21")
        self.write("NAME = 'new' + str(state['asked'])\ndef on_reload(): state['asked'] *= 2\n" + self.COUNT)
        self.assertEqual(pool.ask("")["reason"], "old 22")
        self.assertEqual(pool.reload(), ("ok", ""))
        self.assertEqual(pool.ask("")["reason"], "new22 45")
        script.unlink()
        self.assertEqual(pool.reload()[0], "failed")
        self.assertEqual(pool.ask("")["reason"], "new22 46")

    def test_one_that_takes_over_starts_as_the_script_was_loaded(self):
        script = self.write("import os\nNAME = 'a'\n" + self.COUNT + "def on_leave(r): os._exit(1)\n")
        pool = self.open(script, workers=2)
        pool.do("wait:ms=300")
        pool.many("on_join:data=", 5)
        self.assertEqual(pool.reload(), ("ok", ""))
        self.write("not loaded: nobody said so")
        self.assertEqual(pool.ask("")["reason"], "a 6")
        for _ in range(3):
            self.check(pool.ask("", "on_leave"), "crash")
            self.assertEqual(pool.wait_up("")["reason"], "a 6")

    def test_only_plain_state_goes_over(self):
        good = ("{'a': [1, 2.5, None, True, b'x', 'y', (1, {2, 3}), frozenset({4}), {5: {6: 7}}],"
                " 8: float('inf')}")
        pool = self.open(self.write(f"state['kept'] = {good}\n"))
        self.write(f"NAME = state == {{'kept': {good}}}\n" + self.COUNT)
        self.assertEqual(pool.reload(), ("ok", ""))
        self.assertEqual(pool.ask("")["reason"], "True 1")
        nested = "[" * 17 + "]" * 17
        for number, (value, why) in enumerate((
                ("object()", r"state\['x'\]: a value of type object"), (nested, "deeper than 16"),
                ("bytes(1 << 20)", "more than 1048576"), ("[0] * (1 << 21)", "more than 1048576 values"),
                ("state", "deeper"), ("{(1, print): 2}", "a key of"))):
            with self.subTest(value=value):
                text = f"state['x'] = {value}\ndef on_join(r): return True\n"
                pool = self.open(self.write(text, f"rules{number}.py"), deadline_ms=2000)
                result, error = pool.reload()
                self.assertEqual(result, "failed")
                self.assertRegex(error, why)
                self.assertEqual(pool.ask("")["verdict"], "allow")


if __name__ == "__main__":
    for needed in (PLUGIN, ASK, around.STAGE / "tryst" / "_core.so"):
        if not pathlib.Path(needed).exists():
            around.skip(f"{needed} is not built")
    unittest.main(verbosity=2)
