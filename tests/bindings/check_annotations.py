#!/usr/bin/env python3
"""The annotations for Lua's language server name all that the module has, and nothing else.

SPDX-License-Identifier: MIT

What the module has is asked of a real Lua; words and fields of events are read where C keeps them.
"""
import json
import re
import subprocess
import sys

import around

ANNOTATIONS = sorted((around.SOURCE / "bindings" / "lua" / "library").glob("*.lua"))
VALUES = around.SOURCE / "bindings" / "lua_values.h"
INCLUDE = around.SOURCE / "include" / "tryst"

# Prints what there is, a line each: kind, class, name, and how many arguments or which type it has.
ASK = r"""
for i = 1, #arg - 1 do assert(loadfile(arg[i])) end -- the annotations are Lua themselves
local tryst = require "tryst"
local function say(...) print(table.concat({ ... }, " ")) end
local function most(call) -- arguments that a function takes: C tells of the first one too many
    local many = {}
    for i = 1, 30 do many[i] = i end
    local _, message = pcall(call, (table.unpack or unpack)(many))
    local at = tostring(message):match("#(%d+).*there is no such argument")
    return at and tonumber(at) - 1 or debug.getinfo(call, "u").nparams or "?"
end
local function is_class(value) return type(value) == "table" end
local function upvalue(call, wanted)
    for i = 1, 30 do
        local name, value = debug.getupvalue(call, i)
        if name == wanted then return value end
    end
end
for name, value in pairs(tryst) do
    say("module", "tryst", name, type(value) == "function" and most(value) or is_class(value) and "class" or
        type(value))
    if is_class(value) then
        for key, call in pairs(value) do say("static", name, key, most(call)) end
        for _, option in ipairs(upvalue(debug.getmetatable(value).__call, "options") or {}) do
            local _, message = pcall(value, "", { [option.name] = coroutine.create(function() end) })
            say("option", name, option.name, message:match("is a (%w+), not a thread"))
        end
    end
end
for name, meta in pairs(debug.getregistry().SWIG) do
    if type(meta) == "table" and rawget(tryst, name) then
        for key, call in pairs(meta[".fn"]) do say("method", name, key, most(call)) end
        for key in pairs(meta[".get"]) do say("field", name, key, "?") end
    end
end
local seed = ("s"):rep(32)
local endpoint = assert(tryst.Endpoint(arg[#arg], { identity = tryst.Identity(seed), seed = seed, now_us = 1 }))
for key in pairs(endpoint:stats()) do say("field", "Stats", key, "?") end
"""
PIN = "127.0.0.1:1#" + "A" * 43


def annotated(text):
    """The classes {name: {field: type}}, functions {name: parameters} and words {alias: set} of the file."""
    classes, functions, aliases, parents = {}, {}, {}, {}
    for block in re.split(r"\n(?!---)", text):
        for name, parent in re.findall(r"^---@class ([\w.]+)(?:: ([\w.]+))?", block, re.M):
            parents[name] = parent
            classes[name] = {field.rstrip("?"): type_ for field, type_ in
                             re.findall(r"^---@field (\w+\??) (\S+)", block, re.M)}
        for name in re.findall(r"^---@alias ([\w.]+)", block, re.M):
            aliases[name] = set(re.findall(r'"([^"]+)"', re.sub(r" #.*", "", block)))
    for name, parent in parents.items():
        classes[name].update(classes[parent] if parent else {})
    for comments, name, given in re.findall(r"((?:^---.*\n)*)^function ([\w.:]+)\((.*)\) end$", text, re.M):
        parameters = [word for word in given.split(", ") if word]
        functions[name] = len(parameters)
        described = [word.rstrip("?") for word in re.findall(r"^---@param (\w+\??)", comments, re.M)]
        assert described == parameters, f"{name}: @param {described}, parameters {parameters}"
    return classes, functions, aliases


def words(header, table, column=-1):
    """The words of an X-macro table, without the one for nothing."""
    text = (INCLUDE / header).read_text()
    rows = re.search(rf"#define {table}\(X\)((?:.*\\\n)+.*\n)", text).group(1)
    found = [[part.strip().strip('"') for part in row.split(",", 2)]
             for row in re.findall(r'X\((\w+, (?:\d+, )?"[^"]*")\)', rows)]
    return {row[column] for row in found if row[column] not in ("none", "NONE")}


def fields_of(function):
    """The fields that a function of lua_values.h sets."""
    body = re.search(rf"^static void {function}\(.*?^}}", VALUES.read_text(), re.M | re.S).group(0)
    found = re.findall(r'(?:tr_lua_set_\w+\(L|lua_setfield\(L, -2), "(\w+)"', body)
    assert found, function
    return set(found)


def ask(interpreter, abi):
    """What the module has: (kind, class, name) -> arguments or type."""
    done = subprocess.run([interpreter, "-", *map(str, ANNOTATIONS), PIN], input=ASK, capture_output=True,
                          text=True, env=around.lua_environment(abi), timeout=60, check=False)
    if done.returncode != 0:
        sys.exit(f"{interpreter}: {done.stderr}")
    rows = [line.split() for line in done.stdout.splitlines()]
    return {(kind, owner, name): more for kind, owner, name, more in rows}


class Complaints:
    """Counts what differs, and says it."""

    def __init__(self):
        self.count = self.checks = 0

    def compare(self, what, is_there, is_annotated):
        self.checks += len(set(is_there) | set(is_annotated))
        for complaint, names in (("is not annotated", set(is_there) - set(is_annotated)),
                                 ("is annotated, but not there", set(is_annotated) - set(is_there))):
            for name in sorted(names):
                print(f"{what}: {name} {complaint}")
                self.count += 1

    def same(self, what, is_there, is_annotated):
        self.checks += 1
        if is_there != is_annotated:
            print(f"{what}: {is_there} in the module, {is_annotated} in the annotations")
            self.count += 1


def check_module(complaints, there, classes, functions):
    """The module's own names, and its classes."""
    names = {name: more for (kind, _, name), more in there.items() if kind == "module"}
    called = {name[6:]: count for name, count in functions.items() if name.startswith("tryst.")}
    complaints.compare("tryst", names, {*called, *classes["tryst"]})
    for name, more in names.items():
        if more.isdigit() and name in called:
            complaints.same(f"arguments of tryst.{name}", int(more), called[name])
    for owner in sorted({owner for kind, owner, _ in there if kind in ("method", "field")}):
        check_class(complaints, there, owner, classes, functions)
    complaints.compare("owners", {name for name, more in names.items() if more == "class"} | {"tryst"},
                       {re.split("[.:]", name)[0].replace("Class", "") for name in functions} |
                       {"Pin", "PolicyRequest"})
    complaints.compare("classes", {name for name, more in names.items() if more == "class"},
                       {name for name in names if f"tryst.{name}" in classes})


def check_class(complaints, there, owner, classes, functions):
    """Methods with their arguments, fields and options of one class."""
    fields = classes.get(f"tryst.{owner}", {})
    found = {name: more for (kind, of, name), more in there.items() if (kind, of) == ("method", owner)}
    methods = {name.partition(":")[2]: count for name, count in functions.items()
               if name.startswith(f"{owner}:")}
    complaints.compare(owner, found, methods)
    for name in set(found) & set(methods):
        if found[name].isdigit():
            complaints.same(f"arguments of {owner}:{name}", int(found[name]) - 1, methods[name])
    complaints.compare(owner, {name for kind, of, name in there if (kind, of) == ("field", owner)}, fields)
    static = {name for kind, of, name in there if (kind, of) == ("static", owner)}
    complaints.compare(f"tryst.{owner}", static, {name.partition(".")[2] for name in functions
                                                  if name.startswith(f"{owner}Class.")})
    options = {name: more for (kind, of, name), more in there.items() if (kind, of) == ("option", owner)}
    if options:
        known = {"integer": "number", "tryst.Identity": "userdata"}
        said = {name: known.get(type_, type_) for name, type_ in classes[f"tryst.{owner}Options"].items()}
        complaints.compare(f"options of {owner}", options, said)
        for name in set(options) & set(said):
            complaints.same(f"option {name} of {owner}", options[name], said[name])


def check_words(complaints, classes, aliases):
    """Event fields and words, as C has them."""
    reasons = {name.lower().replace("_", "-") for name in words("event.h", "TRYST_REASONS", 0)}
    for alias, there in (("EventType", words("event.h", "TRYST_EVENTS")),
                         ("PathType", words("event.h", "TRYST_PATHS")),
                         ("Kind", words("event.h", "TRYST_KINDS")),
                         ("Stage", words("event.h", "TRYST_STAGES")), ("Reason", reasons),
                         ("AddressClass", words("address.h", "TRYST_ADDRESS_CLASSES") | {"none"}),
                         ("Hook", words("policy.h", "TRYST_POLICY_HOOKS"))):
        complaints.compare(alias, there, aliases[f"tryst.{alias}"])
    complaints.compare("Event", fields_of("tr_lua_push_event") | fields_of("tr_lua_set_rare"),
                       classes["tryst.Event"])
    complaints.compare("Datagram", fields_of("tr_lua_push_datagram"), classes["tryst.Datagram"])
    complaints.compare("Participant", fields_of("tr_lua_push_participants"), classes["tryst.Participant"])


def main():
    luas = around.luas()
    if not luas:
        around.skip("there is no Lua with a module built for it")
    classes, functions, aliases = annotated("\n".join(path.read_text() for path in ANNOTATIONS))
    complaints = Complaints()
    check_module(complaints, ask(*luas[0]), classes, functions)
    check_words(complaints, classes, aliases)
    print(f"{complaints.checks} names in {luas[0][0]}, {complaints.count} complaints")
    sys.exit(1 if complaints.count else 0)


if __name__ == "__main__":
    main()
