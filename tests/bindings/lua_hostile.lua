-- What careless or hostile scripts do. Errors are fine, all of it is refused; a crash of the process is
-- the one thing that must not happen, so most of what is checked here is that the next line is reached.
-- SPDX-License-Identifier: MIT
local tryst = require "tryst"
local checks = require "checks"
local equal, is, raises, fails = checks.equal, checks.is, checks.raises, checks.fails

-- What a case left behind goes before the next one: there are few descriptors.
local function case(name, body)
    checks.case(name, body)
    collectgarbage()
    collectgarbage()
end
local pin = assert(arg[1], "usage: lua_hostile.lua PIN")
local nan, huge = 0 / 0, math.huge
local unpack = table.unpack or unpack

local function new_endpoint()
    return assert(tryst.Endpoint(pin, { identity = tryst.Identity(), seed = ("s"):rep(32), now_us = 1 }))
end

-- name -> what makes a living object of each class.
local make = {
    Address = function() return assert(tryst.Address("1.2.3.4:5")) end,
    Pin = function() return assert(tryst.Pin(pin)) end,
    Identity = function() return assert(tryst.Identity()) end,
    Client = function() return assert(tryst.Client(pin)) end,
    Endpoint = new_endpoint,
}
local classes = { "Address", "Pin", "Identity", "Client", "Endpoint" }

-- Every function that a class has anywhere: methods, getters, metamethods.
local function functions_of(object)
    local found, meta = {}, debug.getmetatable(object)
    for _, part in ipairs({ meta, meta[".fn"], meta[".get"], meta[".set"] }) do
        for name, value in pairs(part) do
            if type(value) == "function" then
                found[#found + 1] = { name = tostring(name), call = value }
            end
        end
    end
    return found
end

-- A light userdata: the brand of a class is one.
local function light()
    for key in pairs(debug.getmetatable(make.Pin())) do
        if type(key) == "userdata" then
            return key
        end
    end
end

local function odd_values()
    local values = {
        true, false, 0, -1, 0.5, 2 ^ 31, 2 ^ 32, 2 ^ 53, 2 ^ 63, -2 ^ 63, huge, -huge, nan, "", "\0", "1",
        ("x"):rep(100000), {}, { {} }, { "1.2.3.4:5", 7 }, print, function() end,
        coroutine.create(function() end), io.stdout, light(), tryst, tryst.Client,
        setmetatable({}, { __index = function() error("from __index") end }),
    }
    for _, name in ipairs(classes) do
        values[#values + 1] = make[name]()
    end
    if newproxy then
        values[#values + 1] = newproxy(true)
    end
    return values
end

case("anything for an object, in every function of every class", function()
    local values = odd_values()
    is(type(light()) == "userdata")
    for _, name in ipairs(classes) do
        local own = make[name]()
        for _, entry in ipairs(functions_of(own)) do
            pcall(entry.call)
            pcall(entry.call, nil, nil, nil)
            for _, value in ipairs(values) do
                if debug.getmetatable(value) ~= debug.getmetatable(own) then
                    local ok = pcall(entry.call, value, 1, "x", "y")
                    is(not ok or entry.name:find("^__"), name .. ":" .. entry.name .. " takes another object")
                end
            end
        end
    end
end)

case("anything for an argument, in every method", function()
    local values = odd_values()
    local blocks, writes = { run = true, events = true }, { save = true, close = true }
    for _, name in ipairs(classes) do
        local own = make[name]()
        for method, call in pairs(debug.getmetatable(own)[".fn"]) do
            for i = 1, blocks[method] and 0 or #values do
                for j = 1, writes[method] and 1 or #values, 3 do
                    if not (writes[method] and type(values[i]) == "string") then
                        pcall(call, own, values[i], values[j], values[#values - j + 1])
                        pcall(call, own, 1, values[i], values[j])
                        pcall(call, own, 1, "1.2.3.4:5", values[i], values[j])
                    end
                end
            end
            pcall(call, own, unpack(values, 1, 20))
        end
    end
    checks.count = checks.count + 1
end)

case("anything for the arguments of a constructor", function()
    local values = odd_values()
    local options = { "identity", "app", "keepalive_ms", "rekey_s", "port", "trace", "no_ipv4", "seed", "now_us" }
    for _, value in ipairs(values) do
        for _, name in ipairs(classes) do
            pcall(tryst[name], value)
            pcall(tryst[name], pin, value)
            pcall(tryst[name], value, value, value)
            for _, option in ipairs(options) do
                local ok, object = pcall(tryst[name], pin, { [option] = value })
                if ok and object and name == "Client" then
                    object:close()
                end
            end
        end
        for _, name in ipairs({ "format_key", "parse_key", "clock", "version" }) do
            pcall(tryst[name], value)
        end
        collectgarbage()
        if type(value) ~= "string" then
            is(not pcall(tryst.Identity.load, value), "load takes no path")
        end
    end
    raises("there is no option", tryst.Client, pin, { [nan ~= nan and "x" or 1] = 1 })
    raises("from __index", tryst.Client, pin, setmetatable({}, { __index = function() error("from __index") end }))
end)

case("objects of one class are refused by the methods of another", function()
    local client, endpoint, address = make.Client(), make.Endpoint(), make.Address()
    raises("Client expected, got userdata", client.poll, endpoint)
    raises("Endpoint expected, got userdata", endpoint.poll, client)
    raises("Client expected, got userdata", client.poll, address)
    raises("Address expected, got userdata", address.canonical, client)
    raises("Client expected, got nil", client.poll, nil)
    raises("Client expected, got userdata", client.poll, io.stdout)
    raises("Client expected, got userdata", client.poll, light())
    raises("Client expected, got table", client.poll, {})
    raises("the object is missing", client.poll)
    client:close()
end)

case("metatables are out of reach, and nothing is disowned", function()
    for _, name in ipairs(classes) do
        local object = make[name]()
        equal(getmetatable(object), "tryst." .. name)
        equal(type(getmetatable(tryst[name])), "string")
        raises("protected", setmetatable, tryst[name], {})
        raises("table expected", setmetatable, object, {})
        raises("there is no '__disown' in " .. name, function() return object.__disown end)
        raises("there is no '__gc' in " .. name, function() return object.__gc end)
        raises("there is no '.fn' in " .. name, function() return object[".fn"] end)
        raises("cannot be set", function() object.anything = 1 end)
        raises("cannot be set", function() object[1] = nil end)
        raises("there is no '", function() return object[io.stdout] end)
        raises("there is no '", function() return object[{}] end)
        raises("cannot be set", function() tryst[name].anything = 1 end)
        for _, entry in ipairs(functions_of(object)) do
            is(entry.name ~= "__disown")
        end
    end
end)

case("the finalizer may be called as often as somebody likes", function()
    for _, name in ipairs(classes) do
        local object = make[name]()
        local meta = debug.getmetatable(object)
        for _, value in ipairs(odd_values()) do
            if debug.getmetatable(value) ~= meta then
                pcall(meta.__gc, value)
            end
        end
        pcall(meta.__gc)
        for _ = 1, 3 do
            meta.__gc(object)
        end
        for _, entry in ipairs(functions_of(object)) do -- and what is gone is used after that
            pcall(entry.call, object)
            pcall(entry.call, object, 1, "x")
            pcall(entry.call, object, object)
        end
        pcall(tostring, object)
        is(object == object)
        raises(name .. " expected", assert(rawget(meta[".fn"], "close") or
            rawget(meta[".fn"], "canonical") or rawget(meta[".fn"], "public_key") or meta.__tostring), object)
    end
    collectgarbage()
end)

case("a metatable put onto something else is not believed", function()
    for _, name in ipairs(classes) do
        local other = make[name]()
        local meta = debug.getmetatable(other)
        local victims = { io.tmpfile(), make.Pin(), make.Client(), make.Address(), make.Endpoint() }
        if newproxy then
            victims[#victims + 1] = newproxy(true)
        end
        for _, victim in ipairs(victims) do
            local before = debug.getmetatable(victim)
            if before ~= meta then
                debug.setmetatable(victim, meta)
                local other = make[name]()
                for _, entry in ipairs(functions_of(victim)) do
                    pcall(entry.call, victim, 1, "x")
                    pcall(entry.call, other, victim)
                end
            end
        end
        for _, value in ipairs({ 1, true, print, coroutine.create(function() end) }) do
            local before = debug.getmetatable(value)
            debug.setmetatable(value, meta)
            pcall(function() return value:close() end)
            pcall(function() return value.port end)
            pcall(function() return tostring(value) end)
            debug.setmetatable(value, before)
        end
    end
    checks.count = checks.count + 1
    collectgarbage()
    collectgarbage()
end)

case("an object whose metatable is taken away still goes in peace", function()
    for _, name in ipairs(classes) do
        local object = make[name]()
        local call = rawget(debug.getmetatable(object)[".fn"], "close")
        debug.setmetatable(object, nil)
        if call then
            raises(name .. " expected", call, object)
        end
    end
    collectgarbage()
end)

case("every method of what is closed fails or says that it is closed", function()
    for _, name in ipairs({ "Client", "Endpoint" }) do
        local object = make[name]()
        for _ = 1, 3 do
            object:close()
        end
        equal(object:closed(), true)
        local arguments = {
            Client = { join = { "s" }, send = { 1, "x" }, run = { huge }, why = { 1 }, paths = { 1 } },
            Endpoint = {
                join = { 1, "s" }, send = { 1, 1, "x" }, leave = { 1 }, tick = { 1 }, output = { 1 },
                set_server = { 1, {} }, set_local = { 1, {} }, input = { 1, "1.2.3.4:5", "x" },
                why = { 1 }, paths = { 1 },
            },
        }
        local quiet = { close = true, closed = true, timeout = true, deadline = true, events = true }
        for method, call in pairs(debug.getmetatable(object)[".fn"]) do
            if not quiet[method] then
                fails(tryst.E_CLOSED, call(object, unpack(arguments[name][method] or {})))
            end
        end
        equal(tostring(object), "tryst." .. name)
    end
end)

case("numbers that are no peers", function()
    local client = make.Client()
    assert(client:join("numbers"))
    for _, id in ipairs({ 2 ^ 32, 2 ^ 53, 2 ^ 53 + 2, 2 ^ 64, 1e300, -1, -2 ^ 31, huge, -huge }) do
        raises("range", client.send, client, id, "x")
    end
    for _, id in ipairs({ 0.5, 1.0000001, nan }) do
        raises("without a fraction", client.send, client, id, "x")
    end
    if math.maxinteger then
        raises("range", client.send, client, math.maxinteger, "x")
        raises("range", client.send, client, math.mininteger, "x")
    end
    for _, id in ipairs({ "1", "x", {}, true }) do
        raises("a number is expected", client.send, client, id, "x")
    end
    fails(tryst.E_PEER, client:send(2 ^ 32 - 1, "x"))
    is(client:send(0, "x") == nil)
    client:close()
end)

case("waits that are no waits", function()
    local client = make.Client()
    for _, seconds in ipairs({ nan, -1, -huge, -1e-300 }) do
        raises("seconds from 0 on", client.run, client, seconds)
        raises("seconds from 0 on", client.events, client, seconds)
    end
    for _, seconds in ipairs({ "1", {}, true }) do
        raises("seconds", client.run, client, seconds)
        raises("seconds", client.events, client, seconds)
    end
    is(client:run(1e-300) ~= nil)
    client:close()
end)

case("names with NUL, and much too much of everything", function()
    local one, other, to_other = checks.couple(pin, "too much")
    local much = ("x"):rep(2 ^ 24)
    fails(tryst.E_SIZE, one:send(to_other, much))
    fails(tryst.E_SIZE, one:send(to_other, ("x"):rep(tryst.MESSAGE_MAX + 1)))
    is(one:send(to_other, "") == nil)
    raises("a string is expected", one.send, one, to_other, 5)
    one:leave()
    raises("NUL", one.join, one, "lob\0by")
    fails(tryst.E_SIZE, one:join(much))
    fails(tryst.E_SIZE, one:join("x", much))
    fails(tryst.E_FORMAT, tryst.Client(much))
    fails(tryst.E_FORMAT, tryst.Pin(much))
    assert(tryst.Client(pin, { app = much })):close() -- a name of any length: the wire has its hash
    raises("NUL", tryst.Client, pin .. "\0")
    raises("NUL", tryst.Identity.load, "/etc/passwd\0")
    fails(tryst.E_FILE, tryst.Identity.load(much))
    local endpoint, list = make.Endpoint(), {}
    for i = 1, 10000 do
        list[i] = "1.2.3.4:5"
    end
    raises("too many addresses", endpoint.set_server, endpoint, 1, list)
    raises("too many addresses", endpoint.set_local, endpoint, 1, list)
    list[1] = list
    raises("an Address or its text", endpoint.set_local, endpoint, 1, list)
    equal(endpoint:input(1, "1.2.3.4:5", much), true)
    for _ = 1, 100000 do
        if not endpoint:join(1, "again") then endpoint:leave(1) end
    end
    endpoint:close()
    one:close()
    other:close()
end)

case("coroutines: yields, errors and collection inside of the loop", function()
    local one, other, to_other, to_one = checks.couple(pin, "coroutines")
    local function loop()
        for event in one:events(checks.patience_s) do
            collectgarbage()
            coroutine.yield(event.data)
        end
    end
    local routine = coroutine.wrap(loop)
    for i = 1, 10 do
        assert(other:send(to_one, "number " .. i) and other:flush())
        equal(routine(), "number " .. i)
        is(one:send(to_other, "back"))
    end
    for _ = 1, 50 do -- left in the middle, and collected
        assert(other:send(to_one, "x") and other:flush())
        equal(coroutine.wrap(loop)(), "x")
    end
    collectgarbage()
    assert(other:send(to_one, "last") and other:flush())
    equal(routine(), "last")
    one:close()
    raises("the object is closed", routine)
    raises("dead coroutine", routine)
    local inside = coroutine.wrap(function()
        local again = require "tryst"
        for event in other:events(checks.patience_s) do
            if event.type == "left" then
                other:close() -- the iterator finds it closed
            end
        end
        return again
    end)
    raises("the object is closed", inside)
end)

case("finalizers of the script that use what may be gone", function()
    local function guard(client)
        local function last()
            pcall(client.poll, client)
            pcall(client.send, client, 1, "x")
            pcall(client.close, client)
        end
        if newproxy then
            local proxy = newproxy(true)
            getmetatable(proxy).__gc = last
            return proxy
        end
        return setmetatable({}, { __gc = last })
    end
    for i = 1, 20 do
        local client = make.Client()
        local _ = guard(client)
        if i % 2 == 0 then
            debug.getmetatable(client).__gc(client)
        end
    end
    collectgarbage()
    collectgarbage()
    tryst_kept = { guard(make.Client()), make.Client(), guard(make.Endpoint()) } -- until the state ends
    checks.count = checks.count + 1
end)

case("out of descriptors is a failure, and passes", function()
    collectgarbage()
    collectgarbage()
    local kept, message, code = {}, nil, nil
    for _ = 1, 2000 do
        local client
        client, message, code = tryst.Client(pin)
        if not client then
            break
        end
        kept[#kept + 1] = client
    end
    is(#kept > 10 and #kept < 2000, #kept .. " clients")
    is(fails(tryst.E_NETWORK, nil, message, code):find("Too many open files"), message)
    for _ = 1, 1000 do
        is(not tryst.Client(pin))
    end
    kept[1]:close()
    kept[2]:close()
    local again = assert(tryst.Client(pin))
    again:close()
    for i = 1, #kept do
        kept[i]:close()
    end
end)

-- The state ends with a live client in the midst of a loop, and in a session.
tryst_last = checks.couple(pin, "the last")
tryst_routine = coroutine.wrap(function()
    for _ in tryst_last:events(huge) do
        coroutine.yield()
    end
end)

checks.finish()
