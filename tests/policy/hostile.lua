-- Rules that misbehave, each in a way of its own. The table that a case is in says what is to come of it:
-- limit, error, answer (these failures), deny, allow. The request's data names the case: "limit.spin".
-- SPDX-License-Identifier: MIT
local limit, error_, answer, deny, allow = {}, {}, {}, {}, {}
local cases = { limit = limit, error = error_, answer = answer, deny = deny, allow = allow }
kept = {}

function on_join(request)
    local group, name = request.data:match("^(%w+)%.([%w_]+)$")
    return cases[group][name](request)
end

function on_register(request)
    assert(request.hook == "on_register" and #request.participant == 32 and #request.local_addresses == 2)
    assert(("a-b"):gsub("%-", "+") == "a+b" and tostring(request.address) == "198.51.100.7:4242")
    local sorted = { 3, 1, 2 }
    table.sort(sorted)
    return { allow = table.concat(sorted) == "123", max_participants = 4 }
end

local function spin()
    while true do end
end

-- Endless loops --------------------------------------------------------------------------------

limit.spin = spin

function limit.spin_repeat()
    local i = 0
    repeat i = i + 1 until i < 0
end

function limit.spin_goto()
    ::again::
    goto again
end

function limit.for_integers()
    for i = math.mininteger, math.maxinteger do end
end

function limit.for_floats()
    for i = 1, math.huge do end
end

function limit.for_backwards()
    for i = math.maxinteger, math.mininteger, -1 do end
end

function limit.tail_calls()
    return limit.tail_calls()
end

function limit.pcall_spin()
    pcall(spin)
    return true
end

function limit.pcall_for_ever()
    while true do pcall(spin) end
end

function limit.pcall_deep()
    local function deep(n)
        while true do
            if n > 0 then pcall(deep, n - 1) else pcall(spin) end
        end
    end
    deep(100)
end

function limit.pcall_tree()
    local function tree()
        pcall(tree)
        pcall(tree)
    end
    tree()
    return true
end

function limit.pcall_of_pcall()
    while true do pcall(pcall, pcall, spin) end
end

function limit.iterator()
    for _ in function() return 1 end do end
end

function limit.pairs_grow()
    local t = {}
    for i = 1, math.huge do t[i % 7] = i for _ in pairs(t) do end end
end

-- Metamethods ----------------------------------------------------------------------------------

for _, name in ipairs({ "add", "concat", "unm", "len", "eq", "lt", "le", "idiv", "band", "shl" }) do
    limit["meta_" .. name] = function()
        local t = setmetatable({}, { ["__" .. name] = spin })
        local u = setmetatable({}, { ["__" .. name] = spin })
        local tries = {
            add = function() return t + u end, concat = function() return t .. u end,
            unm = function() return -t end, len = function() return #t end,
            eq = function() return t == u end, lt = function() return t < u end,
            le = function() return t <= u end, idiv = function() return t // u end,
            band = function() return t & u end, shl = function() return t << u end,
        }
        while true do pcall(tries[name]) end
    end
end

function limit.meta_index()
    return setmetatable({}, { __index = spin }).field
end

function limit.meta_newindex()
    setmetatable({}, { __newindex = spin }).field = 1
end

function limit.meta_call()
    return setmetatable({}, { __call = spin })()
end

function limit.meta_tostring()
    while true do pcall(tostring, setmetatable({}, { __tostring = spin })) end
end

function limit.meta_pairs()
    for _ in pairs(setmetatable({}, { __pairs = spin })) do end
end

function limit.meta_close()
    local _ <close> = setmetatable({}, { __close = spin })
    return true
end

function limit.meta_close_of_stopped()
    local function try()
        local one <close> = setmetatable({}, { __close = function() while true do pcall(spin) end end })
        local two <close> = setmetatable({}, { __close = function() while true do pcall(spin) end end })
        spin()
    end
    while true do pcall(try) end
end

function limit.meta_in_sort()
    local list, meta = {}, { __lt = spin }
    for i = 1, 50 do list[i] = setmetatable({}, meta) end
    pcall(table.sort, list)
    return true
end

function limit.meta_in_gsub()
    return (("x"):rep(100):gsub(".", setmetatable({}, { __index = spin })))
end

function limit.index_chain()
    local t = {}
    for _ = 1, 1900 do t = setmetatable({}, { __index = t }) end
    while true do local _ = t.missing end
end

function limit.index_circle()
    local t = {}
    setmetatable(t, { __index = t })
    while true do pcall(function() return t.missing end) end
end

function error_.meta_gc()
    setmetatable({}, { __gc = spin })
end

function allow.meta_gc_later()
    local meta = {}
    for _ = 1, 100 do setmetatable({}, meta) end
    meta.__gc = spin
    meta.__mode = "k"
    for _ = 1, 2000 do local _ = {} end
    return true
end

function error_.meta_mode()
    setmetatable({}, { __mode = "k" })
end

function error_.meta_call_circle()
    local t = {}
    setmetatable(t, { __call = t })
    t()
end

function error_.meta_tostring_circle()
    local t
    t = setmetatable({}, { __tostring = function() return tostring(t) end })
    return true, tostring(t)
end

-- Recursion and memory -------------------------------------------------------------------------

function limit.recursion()
    local function deep() return 1 + deep() end
    return deep()
end

function limit.recursion_caught()
    local function deep() return 1 + deep() end
    while true do pcall(deep) end
end

function limit.recursion_of_varargs()
    local function deep(...) return deep(1, 2, 3, 4, 5, 6, 7, 8, ...) + 1 end
    return deep()
end

function limit.concat_doubles()
    local s = "x"
    while true do s = s .. s end
end

function limit.concat_caught()
    local s = "x"
    pcall(function() while true do s = s .. s end end)
    return true
end

function limit.concat_churn()
    local s = ("x"):rep(60000)
    while true do local _ = s .. "y" end
end

function limit.concat_many()
    local s = ("x"):rep(1000)
    while true do local _ = s .. s .. s .. s .. s .. s .. s .. s .. s .. s .. s .. s .. s .. s .. s .. s end
end

function limit.table_fills()
    local t = {}
    for i = 1, math.huge do t[i] = i end
end

function limit.table_of_strings()
    local t = {}
    for i = 1, math.huge do t[i] = ("x"):rep(1000) .. i end
end

function limit.table_caught()
    local t = {}
    while true do
        pcall(function()
            for _ = 1, math.huge do t[#t + 1] = ("x"):rep(1000) .. #t end
        end)
    end
end

function limit.table_nests()
    local t = {}
    while true do t = { t } end
end

function limit.table_of_closures()
    local t = {}
    while true do t[#t + 1] = function() return t end end
end

function limit.globals_fill()
    for i = 1, math.huge do kept[i] = { i } end
end

function limit.globals_fill_caught()
    while true do
        pcall(function() for _ = 1, math.huge do kept[#kept + 1] = { kept } end end)
    end
end

function limit.state_fills()
    for i = 1, math.huge do state["key" .. i] = i end
end

function limit.addresses_fill(request)
    while true do kept[#kept + 1] = request.address end
end

function limit.rep()
    return true, ("x"):rep(1e9)
end

function limit.rep_caught()
    while true do pcall(string.rep, "x", 1e9) end
end

function allow.rep_of_nothing()
    return ("").rep("", math.maxinteger) == ""
end

function limit.rep_between()
    return ("").rep("", math.maxinteger, ",")
end

function limit.format_long()
    local s = ("x"):rep(60000)
    return true, ("%s%s"):format(s, s)
end

function limit.format_numbers()
    local pieces, values = {}, {}
    for i = 1, 99 do pieces[i], values[i] = "%99.99f", 1e308 end
    local how = table.concat(pieces)
    while true do how:format(table.unpack(values)) end
end

function error_.format_values()
    return ("%d"):rep(900):format(table.unpack(table.pack(("x"):rep(900):byte(1, -1))))
end

function limit.format_tostring()
    local s = ("x"):rep(60000)
    local t, list = setmetatable({}, { __tostring = function() return s end }), {}
    for i = 1, 99 do list[i] = t end
    while true do ("%s"):rep(99):format(table.unpack(list)) end
end

function limit.concat_bomb()
    local t, s = {}, ("x"):rep(60000)
    for i = 1, 1000 do t[i] = s end
    return true, table.concat(t)
end

function limit.concat_between()
    local t = {}
    for i = 1, 5000 do t[i] = "" end
    return true, table.concat(t, ("x"):rep(60000))
end

function limit.gsub_grows()
    return true, (("x"):rep(5000):gsub("x", ("y"):rep(5000)))
end

function limit.gsub_captures()
    local s = ("x"):rep(60000)
    return true, (s:gsub("(.*)", "%1%1%1%1"))
end

function limit.utf8_grows()
    local s = "x"
    while true do s = s .. utf8.char(utf8.codepoint(s, 1, -1)) end
end

function limit.byte_char_grows()
    local s = ("x"):rep(5000)
    while true do s:byte(1, -1) end
end

-- As deep in C as it goes, so that what cleans up behind a library has no room left.
function allow.cleaning_fails(request)
    local s = ("x"):rep(60000)
    local function use()
        local t = {}
        for i = 1, 1500 do t[i] = { i } end
        s:upper()
    end
    for _ = 1, 20 do local _ = request.address, tryst.Address("[::1]:5"):canonical() end
    local tries = 0
    local function deep()
        pcall(deep)
        tries = tries + 1
        if tries < 2 then
            pcall(use)
            use()
        end
    end
    pcall(deep)
    return tries > 100
end

-- Strings that take long -----------------------------------------------------------------------

function limit.compare_with_nuls()
    local a, b = ("\0"):rep(60000) .. "1", ("\0"):rep(60000) .. "2"
    local n = 0
    while true do if a < b then n = n + 1 end end
end

function limit.equal_strings()
    local a, b = ("x"):rep(60000) .. "1", ("x"):rep(60000) .. "1"
    local n = 0
    while true do if a == b then n = n + 1 end end
end

function limit.number_of_blanks()
    local s = (" "):rep(60000) .. "1"
    local n = 0
    while true do n = n + s end
end

function limit.tonumber_long()
    local s = ("1"):rep(60000)
    while true do tonumber(s, 10) tonumber(s) end
end

function limit.upper_long()
    local s = ("x"):rep(60000)
    while true do s:upper():reverse():lower() end
end

function limit.hash_long()
    local s, t = ("x"):rep(60000), {}
    for i = 1, math.huge do t[s .. i] = nil end
end

function limit.utf8_of_continuations()
    local s = ("\x80"):rep(60000)
    while true do
        pcall(utf8.len, s)
        pcall(utf8.offset, s, 1, 30000)
        pcall(function() for _ in utf8.codes("a" .. s) do end end)
    end
end

function limit.utf8_len()
    local s = ("é"):rep(30000)
    while true do utf8.len(s) utf8.offset(s, 30000) end
end

-- Patterns -------------------------------------------------------------------------------------

function limit.pattern_least()
    return (("a"):rep(60) .. "!"):find(("a-"):rep(30) .. "b") ~= nil
end

function limit.pattern_optional()
    return ("a"):rep(40):find(("a?"):rep(40) .. ("a"):rep(40) .. "b") ~= nil
end

function limit.pattern_most()
    return ("a"):rep(2000):match("(.*)(.*)(.*)(.*)(.*)b") == nil
end

function limit.pattern_any()
    return ("a"):rep(60000):find(".-.-.-b") == nil
end

function limit.pattern_caught()
    while true do pcall(string.find, ("a"):rep(500), (".-"):rep(20) .. "b") end
end

function limit.pattern_balance()
    return ("("):rep(60000):find("%b()") == nil and ("("):rep(60000):find("%b()") == nil
end

function limit.pattern_set()
    return ("a"):rep(50000):find("[" .. ("b"):rep(10000) .. "]+x") == nil
end

function limit.pattern_again()
    return ("a"):rep(5000):find("(.*)%1%1b") == nil
end

function limit.pattern_frontier()
    local s = ("ab"):rep(30000)
    while true do s:find("%f[^%w]x") end
end

function limit.pattern_gmatch()
    for _ in ("a"):rep(60000):gmatch("a.-b") do end
end

function limit.pattern_gsub()
    return (("a"):rep(60000):gsub("a.-.-b", ""))
end

function limit.pattern_plain()
    local s, sought = ("a"):rep(60000), ("a"):rep(30000) .. "b"
    while true do s:find(sought, 1, true) end
end

function error_.pattern_nests()
    return ("x"):rep(300):match(("("):rep(300)) == nil
end

function error_.pattern_deep()
    return ("x"):rep(300):match(("x?"):rep(300) .. "y") == nil
end

function error_.pattern_malformed()
    return ("x"):find("[a")
end

function error_.pattern_ends_early()
    return ("x"):find("%")
end

-- Tables ---------------------------------------------------------------------------------------

function limit.sort_slow()
    local t = {}
    for i = 1, 20000 do t[i] = i % 7 end
    table.sort(t, function(a, b) return a < b end)
end

function allow.sort_lies()
    local t = {}
    for i = 1, 200 do t[i] = i % 7 end
    table.sort(t, function() return true end)
    table.sort(t, function(a, b) t[#t] = nil return true end)
    return true
end

function limit.sort_by_pcall()
    local t = {}
    for i = 1, 500 do t[i] = spin end
    table.sort(t, pcall)
    return true
end

function limit.sort_by_c()
    local t = {}
    for i = 1, 30000 do t[i] = i end
    while true do table.sort(t, rawequal) end
end

function allow.sort_length_lies()
    local function lie() return math.maxinteger end
    table.sort(setmetatable({}, { __len = lie, __index = type, __newindex = type }))
    table.insert(setmetatable({}, { __len = lie }), 1, 1)
    table.remove(setmetatable({}, { __len = lie }), 1)
    return #table.concat(setmetatable({}, { __len = lie, __index = tostring })) == 0
end

function limit.insert_in_front()
    local t = {}
    for i = 1, math.huge do table.insert(t, 1, i) end
end

function limit.remove_in_front()
    local t = {}
    for i = 1, 20000 do t[i] = i end
    while #t > 0 do table.remove(t, 1) end
    return true
end

function limit.move_far()
    table.move({}, 1, 1e9, 2)
    return true
end

function limit.move_farther()
    pcall(table.move, {}, 1, math.maxinteger - 1, 2)
    return true
end

function limit.move_fills()
    table.move({ 1 }, 1, 1e9, 1, setmetatable({}, { __index = function() return 1 end }))
end

function error_.concat_far()
    return table.concat(setmetatable({}, { __index = tostring }), "", 1, math.maxinteger)
end

function error_.unpack_far()
    return true, table.unpack({}, 1, 1e6)
end

function error_.unpack_farther()
    return true, table.unpack({}, math.mininteger, math.maxinteger)
end

function limit.unpack_for_ever()
    local t = {}
    for i = 1, 1000 do t[i] = i end
    while true do select("#", table.unpack(t)) table.pack(table.unpack(t)) end
end

function limit.next_over_nothing()
    local t = {}
    for i = 1, 20000 do t["k" .. i] = true end
    for k in pairs(t) do t[k] = nil end
    while true do next(t) end
end

function limit.rehash_for_ever()
    local t = {}
    for i = 1, 8192 do t["k" .. i] = true end
    for i = 1, math.huge do t["k" .. i] = nil t["k" .. i + 8192] = true end
end

function limit.length_for_ever()
    local t = {}
    for i = 1, 10000 do t[i] = i end
    while true do local _ = #t end
end

function limit.error_from_deep()
    local function deep(n)
        if n > 0 then return (deep(n - 1)) end
        while true do pcall(error, "x", 1000000) end
    end
    deep(15000)
end

-- Errors ---------------------------------------------------------------------------------------

function error_.raised()
    error("no reason")
end

function error_.raised_table()
    error({ code = 1 })
end

function error_.raised_nothing()
    error()
end

function error_.raised_long()
    error(("x"):rep(60000))
end

function error_.raised_controls()
    error("\27[31m\n\0 red \xff", 0)
end

function error_.raised_hostile()
    error(setmetatable({}, { __tostring = spin, __name = ("x"):rep(60000) }))
end

function error_.asserted()
    assert(false, setmetatable({}, { __tostring = spin }))
end

function error_.indexed()
    return nothing.there
end

function error_.circle_of_c()
    local t = setmetatable({}, { __index = function(self, key) return self[key] end })
    return t.missing
end

function error_.unknown_attribute(request)
    return request.adress == nil
end

function error_.attribute_set(request)
    request.data = "x"
end

function error_.global_gone()
    error_.global_gone = nil
    return nothing()
end

-- Answers --------------------------------------------------------------------------------------

function answer.none() end
function answer.is_nil() return nil end
function answer.one() return 1 end
function answer.zero() return 0 end
function answer.yes() return "yes" end
function answer.a_function() return spin end
function answer.request(request) return request end
function answer.long() return ("x"):rep(60000) end
function answer.three() return true, "a", "b" end
function answer.reason_number() return false, 5 end
function answer.reason_table() return false, {} end
function answer.table_and_reason() return { allow = false }, "x" end
function answer.allow_number() return { allow = 1 } end
function answer.unknown_key() return { alow = true } end
function answer.list() return { true } end
function answer.key_boolean() return { [true] = true } end
function answer.none_allowed() return { max_participants = 0 } end
function answer.too_many() return { max_participants = 257 } end
function answer.half() return { max_participants = 1.5 } end
function answer.number_text() return { max_participants = "8" } end
function answer.not_a_number() return { expires_s = 0 / 0 } end
function answer.expires_late() return { expires_s = 2147483648 } end
function answer.expires_never() return { expires_s = 0 } end
function answer.addresses() return { addresses = "none" } end
function answer.addresses_nul() return { addresses = "all\0" } end
function answer.addresses_long() return { addresses = ("x"):rep(60000) } end
function answer.data_long() return { data = ("x"):rep(129) } end
function answer.data_number() return { data = 5 } end
function answer.reason_in_table() return { allow = false, reason = {} } end
function answer.unknown_long() return { [("\n"):rep(60000)] = true } end

function answer.thousands()
    local t = {}
    for i = 1, 5000 do t[i] = i end
    return t
end

function answer.hostile_key()
    return { [setmetatable({}, { __tostring = spin, __eq = spin })] = true }
end

function allow.hostile_meta()
    return setmetatable({ allow = true },
        { __index = spin, __pairs = spin, __len = spin, __tostring = spin, __eq = spin })
end

function allow.all_fields()
    return { max_participants = 16 / 2, addresses = "relay-only", data = "\0\1", expires_s = 2147483647 }
end

function allow.nothing_said() return {} end
function allow.reason_unused() return true, "hello" end
function deny.simply() return false end
function deny.with_reason() return false, "room is full" end
function deny.in_table() return { allow = false, reason = "not you" } end
function deny.reason_long() return false, ("ä"):rep(30000) end
function deny.reason_controls() return false, "a\n\27[2Jb\0c\xff\u{9b}d" end

-- What the module is given ---------------------------------------------------------------------

function limit.module_given_much()
    local s = ("1"):rep(60000)
    while true do
        pcall(tryst.Address, s) pcall(tryst.parse_key, s) pcall(tryst.format_key, s)
        pcall(tryst.app_id, s) pcall(tryst.session_id, s, s)
    end
end

function limit.module_makes_much(request)
    while true do local _ = request.local_addresses, request.participants, tryst.Address("[::1]:5") end
end

function allow.module_is_there(request)
    assert(tryst.app_id("ask") == request.app and tryst.session_id("ask", "lobby") == request.session)
    assert(tryst.parse_key(tryst.format_key(request.participant)) == request.participant)
    assert(tryst.Address("198.51.100.7", 4242) == request.address and request.address.class == "reserved")
    assert(tryst.KEY_SIZE == 32 and tryst.SESSION_NAME_MAX > 0 and #tryst.version() > 0)
    return tryst.Address("nonsense") == nil
end

-- What is out of reach -------------------------------------------------------------------------

function allow.nothing_reaches_out()
    for _, name in ipairs({ "io", "os", "load", "loadfile", "loadstring", "dofile", "require", "package",
        "debug", "coroutine", "collectgarbage", "getmetatable", "xpcall", "warn" }) do
        assert(_G[name] == nil and _ENV[name] == nil, name)
    end
    assert(string.dump == nil and string.pack == nil and ("x").dump == nil)
    assert(pcall(function() return tryst.Client end) == false or tryst.Client == nil)
    for _, name in ipairs({ "Client", "Endpoint", "Identity", "PolicyRequest", "Pin" }) do
        assert(tryst[name] == nil, name)
    end
    return true
end

function allow.libraries_stay()
    for _, library in ipairs({ string, table, math, utf8, tryst }) do
        assert(not pcall(function() library.find = nil end) and not pcall(function() library.new = 1 end))
        assert(not pcall(rawset, library, "find", spin) and not pcall(setmetatable, library, {}))
        assert(not pcall(table.insert, library, spin) and not pcall(table.move, { 1 }, 1, 1, 1, library))
        assert(next(library) == nil and rawget(library, "find") == nil)
    end
    assert(not pcall(setmetatable, _G, {}) and not pcall(setmetatable, "", {}))
    assert(not pcall(rawset, tryst.Address, "x", 1) and not pcall(setmetatable, tryst.Address, nil))
    return true
end

function allow.globals_hidden()
    string, table, math, pcall, tostring, assert, type = nil, {}, 5, spin, spin, spin, spin
    _G.ipairs, _ENV.select, _G._G = spin, spin, nil
    string, table, math, pcall, tostring, assert, type = nil, nil, nil, nil, nil, nil, nil
    ipairs, select = nil, nil
    return ("x"):find("x") == 1 and string.find("x", "x") == 1 and math.pi > 3
end

function allow.objects_stay(request)
    for _, object in ipairs({ request, request.address, request.local_addresses[1] }) do
        assert(not pcall(function() object.ip = 1 end) and not pcall(setmetatable, object, {}))
        assert(not pcall(rawset, object, "ip", 1) and not pcall(rawget, object, "ip"))
        assert(not pcall(function() return object.__gc end) and not pcall(function() return object[".fn"] end))
    end
    return true
end

function allow.stash(request)
    kept.request = request
    kept.address = request.address
    kept.getter = function() return request.data end
    return true
end

function error_.stashed_used()
    return kept.request.data == "x"
end

function error_.stashed_getter()
    return kept.getter()
end

function allow.stashed_address()
    return kept.address == nil or tostring(kept.address) == "198.51.100.7:4242"
end

function allow.prints()
    for i = 1, 200 do print(i, ("x"):rep(2000), "\27[2J\n", {}, nil) end
    return true
end

function limit.prints_for_ever()
    while true do print("x") end
end
