-- The libraries that rules have, against Lua's own: thousands of calls with arguments by chance. Run by
-- lua5.4 and by the plug-in, it prints the same lines.
-- SPDX-License-Identifier: MIT
local seed = 20240501
local function chance(n)
    seed = (seed * 1103515245 + 12345) % 2147483648
    return (seed >> 8) % n + 1
end

local function pick(list)
    return list[chance(#list)]
end

local function make(parts, most)
    local made = {}
    for i = 1, chance(most) do made[i] = pick(parts) end
    return table.concat(made)
end

local function show(value)
    if type(value) == "table" then
        local shown = {}
        for i = 1, 12 do shown[i] = show(value[i]) end
        return "{" .. table.concat(shown, ",") .. "}"
    end
    return math.type(value) == "float" and ("%.14g"):format(value) or tostring(value)
end

-- What a call gives; an error without the place, the function's name and the number of the argument, which
-- is not the same in all of 5.4.
local function result(call, ...)
    local results = table.pack(pcall(call, ...))
    if not results[1] then
        return "! " .. tostring(results[2]):gsub("^[^ ]+:%d+: ", ""):gsub("#%d+ to '[^']*'", "")
    end
    for i = 2, results.n do results[i] = show(results[i]) end
    return table.concat(results, " ", 2, results.n)
end

local sum, calls = 0, 0
local function tell(name, text)
    for i = 1, #text do sum = (sum * 31 + text:byte(i)) % 4294967296 end
    calls = calls + 1
    if calls % 5000 == 0 then print(name, calls, sum) sum = 0 end
end

local pattern_parts = { "a", "b", "c", "%a", "%d", "%w", "%S", ".", ".", "[ab]", "[^a]", "[a-c]", "[%d_]", "[]a]",
    "(", ")", "()", "(a", "b)", "(.-)", "*", "+", "-", "?", "%1", "%b()", "%f[%w]", "%f[^a]", "^", "$", "%.", "%",
    "[", "]", "%b", "%f", "\0", "%z", "[a-]", "[%a-z]", "%2" }
local subject_parts = { "a", "b", "c", "(", ")", "1", " ", "_", "ab", "aab", "\0", ".", "a(b)c", "-", "%" }
local replacements = { "", "x", "%0", "%1", "%%", "<%1%2>", "%", "%a", { a = "A", b = false, ab = 7 },
    function(one, two) return two or one end, function() return nil end, function() return {} end, 5 }

local function all_matches(subject, pattern, from)
    local found = {}
    for one, two in subject:gmatch(pattern, from) do
        found[#found + 1] = tostring(one) .. ":" .. tostring(two)
    end
    return table.concat(found, ",")
end

for _ = 1, 20000 do
    local subject, pattern = make(subject_parts, 12), make(pattern_parts, 7)
    local from = chance(4) == 1 and chance(30) - 15 or nil
    tell("find", result(string.find, subject, pattern, from, chance(6) == 1))
    tell("match", result(string.match, subject, pattern, from))
    tell("gmatch", result(all_matches, subject, pattern, from))
    tell("gsub", result(string.gsub, subject, pattern, pick(replacements), chance(3) == 1 and chance(4) - 1 or nil))
end

local function list()
    local made = {}
    for i = 1, chance(10) - 1 do made[i] = chance(20) end
    return made
end

local function sorted(values, order)
    table.sort(values, order)
    return values
end

local function inserted(values, ...)
    table.insert(values, ...)
    return values
end

for _ = 1, 5000 do
    local small = function() return chance(14) - 3 end
    local values = list()
    tell("sort", result(sorted, list(), chance(2) == 1 and function(a, b) return a > b end or nil))
    tell("insert", result(inserted, list(), small(), "new"))
    tell("remove", result(function() return table.remove(values, chance(3) > 1 and small() or nil) end) .. show(values))
    tell("move", result(table.move, list(), small(), small(), small(), chance(2) == 1 and list() or nil))
    tell("concat", result(table.concat, list(), pick({ "", ",", "--" }), chance(2) == 1 and small() or nil,
        chance(2) == 1 and small() or nil))
    tell("unpack", result(table.unpack, list(), small(), small()))
    tell("pack", result(table.pack, small(), nil, small()))
    tell("rep", result(string.rep, make(subject_parts, 3), small(), pick({ "", ",", "ab" })))
    tell("format", result(string.format, pick({ "%d %s", "%5.1f|%q", "%x%%%s", "%s", "%-9s|%c", "%i %d" }), small(),
        pick({ 1, "x", 2.5, 65 })))
end

for _, call in ipairs({ function() return (("x"):rep(10)):find("x", 11) end, function() return ("x"):find("", 2) end,
    function() return ("x"):find("", 3) end, function() return ("äö"):len() end,
    function() return ("x"):gsub("", "-") end, function() return ("abc"):gsub("%w", "%0%0", 2) end,
    function() return table.concat({ 1, 2.5, "x" }, ", ") end, function() return table.concat({ {} }) end,
    function() return ("x"):rep(3, ","):upper():reverse() end, function() return utf8.char(228, 8364):byte(1, -1) end,
    function() return string.find("abc", "b", -10) end, function() return string.unpack("<I2z", "\1\2ab\0") end,
    function() return setmetatable({}, { __index = { x = 5 } }).x end,
    function() return setmetatable({}, { __call = function(_, x) return x end })(7) end,
    function() return #setmetatable({}, { __len = function() return 3 end }) end,
    function() local t = setmetatable({}, {}) return rawset(t, 1, 2)[1], rawlen(t) end,
    function() return select("#", table.unpack({ 1, nil, 3 }, 1, 3)) end,
    function() return tostring(setmetatable({}, { __tostring = function() return "me" end })) end }) do
    tell("others", result(call))
end
print("all", calls, sum)
