#!/usr/bin/env python3
"""The plug-in for rules in Lua, asked as the server asks it: hostile scripts cost their own answer and
nothing else, what scripts keep is carried over a reload, and what fails says where.

SPDX-License-Identifier: MIT

TRYST_POLICY_LUA and TRYST_ASK name a plug-in and an asker of another build.
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "bindings"))
import around  # noqa: E402

PLUGIN = pathlib.Path(os.environ.get("TRYST_POLICY_LUA")
                      or around.BUILD / "server" / ".libs" / "policy-lua.so")
ASK = pathlib.Path(os.environ.get("TRYST_ASK") or around.BUILD / "tests" / "policy" / "ask")
HOSTILE = HERE / "hostile.lua"
LUA = shutil.which("lua5.4")
METAMETHODS = ("add", "concat", "unm", "len", "eq", "lt", "le", "idiv", "band", "shl")
# Sanitizers make all slower, not other. Processor milliseconds that a hook has, those that its submit takes
# at most, and those where the limit is memory: a collection of all of it, and a new state, come on top.
SLOWER = 10 if ASK.exists() and b"__asan_init" in ASK.read_bytes() else 1
HOOK_MS = 2 * SLOWER
SUBMIT_MS = HOOK_MS + 8 * SLOWER
MEMORY_SUBMIT_MS = HOOK_MS + 38 * SLOWER


def cases():
    """The names of what is in hostile.lua; before the point stands what is to come of it."""
    found = re.findall(r"^(?:function )?((?:limit|error_|answer|deny|allow)\.\w+)(?:\(| = spin$)",
                       HOSTILE.read_text(), re.M)
    names = [name.replace("error_.", "error.") for name in found]
    names += [f"limit.meta_{name}" for name in METAMETHODS]
    assert len(names) == len(set(names)) > 150, names
    return names


class Answer:
    """A line of ask's: an answer, or what became of a reload."""
    def __init__(self, line):
        self.line = line
        self.hook, self.verdict, *rest = line.split("\t")
        self.failure, self.reason, self.detail, *rest = (rest + [""] * 3) if len(rest) < 3 else rest
        self.extra = dict(part.split("=", 1) for part in rest[1:])

    @property
    def outcome(self):
        return self.verdict if self.failure == "none" else self.failure


class Rules:
    """A script in the plug-in, asked step by step. Its log and the times of submit are there at the end."""
    def __init__(self, script, *options):
        self.log = []
        command = [str(ASK), "--hook-ms", str(HOOK_MS), *options, str(PLUGIN), str(script), "-"]
        self.process = subprocess.Popen(command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.opened = self.line()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        with self.process:
            try:
                out, _ = self.process.communicate(timeout=around.PATIENCE_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                raise
        if error[0] is None and self.opened.startswith("open\tok"):
            assert self.process.returncode == 0, f"ask ended with {self.process.returncode}"
            self.submit_ms, self.submit_cpu_ms = map(float, out.splitlines()[-1].split("\t")[1:])

    def line(self):
        for line in self.process.stdout:
            line = line.rstrip("\n")
            if not line.startswith("log\t"):
                return line
            self.log.append(line.split("\t", 2)[2])
        raise AssertionError(f"ask ended with {self.process.wait(around.PATIENCE_S)}")

    def ask(self, step):
        self.process.stdin.write(step + "\n")
        self.process.stdin.flush()
        return Answer(self.line())

    def case(self, name):
        return self.ask(f"on_join:data={name}")


class PolicyTest(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.place = tempfile.TemporaryDirectory()
        cls.script = pathlib.Path(cls.place.name) / "rules.lua"

    @classmethod
    def tearDownClass(cls):
        cls.place.cleanup()

    def rules(self, text, *options):
        self.script.write_text(text)
        return Rules(self.script, *options)

    def answers(self, text, *steps):
        with self.rules(text) as rules:
            return [rules.ask(step) for step in steps]

    def assert_honest(self, rules, name):
        """The next hook that means well answers as ever."""
        answer = rules.ask("on_register")
        self.assertEqual((answer.outcome, answer.extra), ("allow", {"max_participants": "4"}),
                         (name, answer.line))


class Hostile(PolicyTest):
    def test_each_costs_its_own_answer_only(self):
        for name in cases():
            with self.subTest(name):
                with Rules(HOSTILE) as rules:
                    self.assert_honest(rules, name)
                    if "stashed" in name:
                        rules.case("allow.stash")
                    answer = rules.case(name)
                    self.assertEqual(answer.outcome, name.split(".")[0], answer.line)
                    self.assertEqual(answer.detail == "", answer.failure == "none", answer.line)
                    self.assert_honest(rules, name)
                self.assertLess(rules.submit_cpu_ms, SUBMIT_MS)

    def test_all_of_them_one_after_the_other(self):
        with Rules(HOSTILE) as rules:
            for name in cases():
                answer = rules.case(name)
                wanted = (name.split(".")[0],) if not name.startswith("limit") else ("limit", "allow", "deny")
                if name != "error.global_gone":  # it can go only once
                    self.assertIn(answer.outcome, wanted, (name, answer.line))
                self.assert_honest(rules, name)
        self.assertLess(rules.submit_cpu_ms, MEMORY_SUBMIT_MS)

    def test_memory_that_is_filled_call_by_call(self):
        for name in ("globals_fill_caught", "addresses_fill", "globals_fill", "state_fills"):
            with self.subTest(name), Rules(HOSTILE) as rules:
                for _ in range(100):
                    answer = rules.case(f"limit.{name}")
                    self.assertEqual(answer.outcome, "limit", answer.line)
                    self.assert_honest(rules, name)
            self.assertLess(rules.submit_cpu_ms, MEMORY_SUBMIT_MS)

    def test_memory_where_there_is_time(self):
        for name in ("table_fills", "table_of_strings", "table_caught", "table_nests", "table_of_closures",
                     "globals_fill", "globals_fill_caught", "state_fills", "recursion", "recursion_caught"):
            with self.subTest(name), Rules(HOSTILE, "--hook-ms", "5000", "--deadline-ms", "5000") as rules:
                answer = rules.case(f"limit.{name}")
                self.assertEqual(answer.outcome, "limit", answer.line)
                self.assertRegex(answer.detail, "memory|table or a stack")
                self.assert_honest(rules, name)

    @unittest.skipIf(SLOWER > 1, "the sanitizer looks for what is lost")
    def test_memory_is_given_back(self):
        def resident_kib():
            status = pathlib.Path(f"/proc/{rules.process.pid}/status").read_text()
            return int(re.search(r"VmRSS:\s+(\d+)", status).group(1))

        with Rules(HOSTILE, "--hook-ms", "1000", "--deadline-ms", "1000") as rules:
            for _ in range(20):
                self.assertEqual(rules.case("allow.cleaning_fails").outcome, "allow")
            before = resident_kib()
            for _ in range(600):
                self.assertIn(rules.case("allow.cleaning_fails").outcome, ("allow", "limit"))
            self.assertLess(resident_kib(), before + 16 * 1024)

    def test_a_small_memory_is_kept_to(self):
        with Rules(HOSTILE, "--memory", str(1 << 20), "--hook-ms", "5000", "--deadline-ms", "5000") as rules:
            answer = rules.case("limit.table_nests")
            self.assertEqual(answer.outcome, "limit", answer.line)
            self.assertIn("1048576 bytes", answer.detail)
            self.assert_honest(rules, "table_nests")

    def test_the_time_is_the_setting(self):
        with Rules(HOSTILE, "--hook-ms", "30") as rules:
            answer = rules.case("limit.spin")
        self.assertIn("more than 30 ms", answer.detail)
        self.assertGreater(rules.submit_cpu_ms, 20)
        self.assertLess(rules.submit_cpu_ms, 30 + SUBMIT_MS)

    def test_requests_and_prints(self):
        with Rules(HOSTILE) as rules:
            for name in ("allow.stash", "error.stashed_used", "error.stashed_getter", "allow.stashed_address",
                         "allow.prints"):
                answer = rules.case(name)
                self.assertEqual(answer.outcome, name.split(".")[0], answer.line)
                if answer.failure == "error":
                    self.assertRegex(answer.detail, r"hostile\.lua:\d+: .*PolicyRequest expected")
        self.assertEqual(len(rules.log), 33)
        self.assertLess(max(map(len, rules.log)), 420)
        self.assertNotRegex("".join(rules.log), r"[\x00-\x1f\x7f]")


class Answers(PolicyTest):
    def test_what_is_in_an_answer(self):
        wanted = {
            "deny.simply": ("", {}),
            "deny.with_reason": ("room is full", {}),
            "deny.in_table": ("not you", {}),
            "deny.reason_long": ("ä" * 31, {}),
            "deny.reason_controls": ("a??[2Jb?c??d", {}),
            "allow.reason_unused": ("", {}),
            "allow.nothing_said": ("", {}),
            "allow.all_fields": ("", {"max_participants": "8", "addresses": "relay-only", "data": "0001",
                                      "expires_s": "2147483647"}),
        }
        with Rules(HOSTILE) as rules:
            for name, (reason, extra) in wanted.items():
                answer = rules.case(name)
                self.assertEqual((answer.outcome, answer.reason, answer.extra),
                                 (name.split(".")[0], reason, extra))

    def test_what_is_wrong_is_said(self):
        wanted = {
            "answer.none": "a nil was returned: true, false or a table is expected",
            "answer.three": "more than two values were returned",
            "answer.unknown_key": "an answer has no 'alow'",
            "answer.too_many": "max_participants is no whole number from 1 to 256",
            "answer.addresses": "addresses is none of 'all', 'same-public', 'relay-only'",
            "answer.data_long": "data has 129 bytes, more than 128",
            "answer.reason_table": "the reason is no string but a table",
            "error.raised": "/hostile.lua:",
            "error.raised_table": "the error is no text but a table",
            "error.raised_controls": "?[31m?? red ?",
            "limit.spin": f"it took more than {HOOK_MS} ms of processor time",
            "limit.rep": "it made a string of more than 65536 bytes",
        }
        with Rules(HOSTILE) as rules:
            for name, part in wanted.items():
                self.assertIn(part, rules.case(name).detail)

    def test_hooks_that_want_no_answer(self):
        told = self.answers("function on_leave(request) seen = request.reason return 'anything' end\n"
                            "function on_session_close() error('sorry') end\n"
                            "function on_tick(request) print(request.counters.participants, seen)\n"
                            "while true do end end",
                            "on_leave:reason=2", "on_session_close", "on_tick", "on_join", "on_relay")
        self.assertEqual([answer.outcome for answer in told], ["allow", "error", "limit", "allow", "allow"])
        self.assertIn("rules.lua:2: sorry", told[1].detail)

    def test_relaying_is_answered(self):
        told = self.answers("function on_relay(request) if request.data == 'no' then return false end\n"
                            "if request.data == 'much' then return { relay_kbps = 10000001 } end\n"
                            "return { relay_kbps = 250 } end", "on_relay", "on_relay:data=no", "on_relay:data=much")
        self.assertEqual([answer.outcome for answer in told], ["allow", "deny", "answer"])
        self.assertEqual(told[0].extra, {"relay_kbps": "250"})

    def test_the_hooks_are_told(self):
        with self.rules("function on_join() return true end function on_tick() end on_leave = nil") as rules:
            self.assertEqual(rules.opened, "open\tok\t0x24")
        with self.rules("on_join = true") as rules:
            self.assertRegex(rules.opened, "failed\t.*rules.lua: on_join is no function but a boolean")

    def test_a_hook_that_is_taken_away_denies(self):
        first, second = self.answers("function on_join() on_join = nil return true end", "on_join", "on_join")
        self.assertEqual((first.outcome, second.outcome), ("allow", "error"))
        self.assertEqual(second.detail, "on_join is gone")

    def test_a_request_has_everything(self):
        text = ("function on_join(r) print(r.hook, r.time, r.reason, r.app == tryst.app_id('ask'), r.data,"
                " #r.participants, r.participants[3].present_s, r.participants[3].key:byte(), r.address,"
                " r.address.port, r.local_addresses[2], tryst.format_key(r.participant):sub(1, 3))"
                " return true end")
        with self.rules(text) as rules:
            self.assertEqual(rules.ask("on_join:participants=3,data=hello,reason=2").outcome, "allow")
        self.assertEqual(rules.log, ["on_join 1700000000.5 expired true hello 3 3.0 3 198.51.100.7:4242 4242"
                                     " [fd00::20]:5000 paW"])

    @unittest.skipUnless(LUA, "no lua5.4")
    def test_the_libraries_are_as_luas_own(self):
        script = HERE / "library.lua"
        lua = subprocess.run([LUA, str(script)], capture_output=True, text=True, check=True,
                             timeout=around.PATIENCE_S).stdout.replace("\t", " ").splitlines()
        with Rules(script, "--load-ms", "20000") as rules:
            pass
        self.assertEqual(rules.log, lua)
        self.assertGreater(len(lua), 20)

    @unittest.skipUnless(shutil.which("nm"), "no nm")
    def test_one_symbol_is_exported(self):
        names = subprocess.run(["nm", "-D", "--defined-only", str(PLUGIN)], capture_output=True, text=True,
                               check=True)
        self.assertEqual(re.findall(r" [A-TV-Z] (?!__)(\w+)", names.stdout), ["tryst_policy_plugin_v1"])


KEEPS = """
function on_join(request)
    state.count = (state.count or 0) + 1
    return { max_participants = state.count }
end
"""


class Loading(PolicyTest):
    def count(self, rules):
        return rules.ask("on_join").extra.get("max_participants")

    def test_what_cannot_be_loaded(self):
        folder = self.script.parent
        os.mkfifo(folder / "pipe.lua")
        (folder / "binary.lua").write_bytes(b"\x1bLua\x54\x00\x19\x93\r\n\x1a\n")
        for path, part in ((folder / "none.lua", "No such file"), (folder, "no file"),
                           (folder / "pipe.lua", "no file"),
                           (folder / "binary.lua", "attempt to load a binary chunk")):
            with Rules(path) as rules:
                self.assertIn(part, rules.opened)
        for text, part in (("x = = 1", "rules.lua:1: unexpected symbol near '='"),
                           ("\nlocal t = nil\nt.x = 1", "rules.lua:3: attempt to index a nil value"),
                           ("while true do end", "rules.lua:1: it took more than 100 ms"),
                           ("pcall(function() while true do end end)", "rules.lua:1: it took more"),
                           ("t = {}\nwhile true do t = {t} end", "it took more than"),
                           ("error({})", "rules.lua:1: the error is no text but a table"),
                           ("return function() end + 1", "rules.lua:1: attempt to perform arithmetic")):
            with self.subTest(text), self.rules(text, "--load-ms", "100") as rules:
                self.assertTrue(rules.opened.startswith("open\tfailed\t"), rules.opened)
                self.assertIn(part, rules.opened)

    def test_what_editors_put_first(self):
        for text in ("#!/usr/bin/lua\nerror('here')", "\ufefferror('here')"):
            with self.rules(text) as rules:
                self.assertRegex(rules.opened, rf"rules\.lua:{text.count(chr(10)) + 1}: here")

    def test_state_is_carried_over(self):
        with self.rules(KEEPS) as rules:
            self.assertEqual([self.count(rules) for _ in range(2)], ["1", "2"])
            self.script.write_text(KEEPS.replace("+ 1", "+ 10") + "print('loaded with', state.count)\n"
                                   "function on_reload() state.count = state.count + 5 end")
            self.assertEqual(rules.ask("reload").verdict, "ok")
            self.assertEqual(self.count(rules), "17")
        self.assertEqual(rules.log, ["loaded with 2"])

    def test_all_that_is_plain_is_carried_over(self):
        make = ("state.n, state.f, state.s, state.b = 2^53 | 0, 0.5, 'a\\0b', false\n"
                "state[5], state[true] = 'five', 'yes'\n"
                "state.deep = {{{'x', y = {1, 2}}}} function on_join() return true end")
        check = ("assert(math.type(state.n) == 'integer' and state.n == 2^53 and state.f == 0.5)\n"
                 "assert(state.s == 'a\\0b')\n"
                 "assert(state.b == false and state[5] == 'five' and state[true] == 'yes')\n"
                 "assert(state.deep[1][1][1] == 'x' and state.deep[1][1].y[2] == 2)")
        with self.rules(make) as rules:
            self.script.write_text(check)
            self.assertEqual(rules.ask("reload").line, "reload\tok\t")

    def test_what_is_not_plain_is_left_behind_and_said(self):
        make = ("state.f, state.g, state.ok = print, {request = 1, [print] = 2, [{}] = 3}, 7\n"
                "state.circle = state\nlocal deep = state for i = 1, 30 do deep.d = {} deep = deep.d end\n"
                "setmetatable(state, {__index = error, __pairs = error})")
        with self.rules(make) as rules:
            self.script.write_text("assert(rawget(state, 'f') == nil and state.ok == 7)\n"
                                   "assert(state.g.request == 1)\n"
                                   "local n, deep = 0, state\n"
                                   "while deep do n, deep = n + 1, deep.d end print(n)")
            self.assertEqual(rules.ask("reload").line, "reload\tok\t")
        self.assertRegex("\n".join(rules.log), r"\d+ values of state are left behind(.|\n)*16")

    def test_state_that_is_too_much_or_none(self):
        with self.rules("for i = 1, 40 do state[i] = ('x'):rep(60000) end") as rules:
            self.script.write_text("print(#state)")
            answer = rules.ask("reload")
            self.assertEqual(answer.verdict, "failed")
            self.assertIn("state has more than 1048576 bytes", answer.line)
        with self.rules("state = 5") as rules:
            self.script.write_text("assert(next(state) == nil)")
            self.assertEqual(rules.ask("reload").verdict, "ok")

    def test_state_that_multiplies(self):
        text = ("local t = {} for i = 1, 14 do local u = {} for k = 1, 50 do u[k] = t end t = u end\n"
                "state.t = t")
        with self.rules(text) as rules:
            self.assertEqual(rules.ask("reload").verdict, "failed")

    def test_a_broken_script_leaves_the_old_one(self):
        with self.rules(KEEPS, "--load-ms", "100") as rules:
            self.assertEqual(self.count(rules), "1")
            broken = (("\n\nfunction on_join(", "rules.lua:3: "),
                      ("state.count = 50\nerror('no')", "rules.lua:2: no"),
                      ("function on_reload() state = nil\nerror('no') end", "rules.lua:2: no"),
                      ("function on_reload() while true do end end", "rules.lua:1: it took"),
                      ("on_join = 5", "on_join is no function"))
            for number, (text, part) in enumerate(broken):
                self.script.write_text(text)
                answer = rules.ask("reload")
                self.assertEqual(answer.verdict, "failed")
                self.assertIn(part, answer.line)
                self.assertEqual(self.count(rules), str(number + 2))
            self.script.unlink()
            self.assertIn("No such file", rules.ask("reload").line)
            self.assertEqual(self.count(rules), "7")

    def test_a_new_start_takes_the_script_that_was_loaded(self):
        with self.rules("function on_join() while true do all = {all} end end\n"
                        "function on_register() return true end",
                        "--hook-ms", "5000", "--deadline-ms", "5000") as rules:
            self.script.write_text("not yet ready")
            self.assertEqual(rules.ask("on_join").outcome, "limit")
            self.assertEqual(rules.ask("on_register").outcome, "allow")
        self.assertEqual(rules.log, ["the script has used up its memory and starts anew, without its state"])


if __name__ == "__main__":
    for needed in (PLUGIN, ASK):
        if not needed.exists():
            around.skip(f"{needed} is not built")
    unittest.main(verbosity=1)
