-- Memory over many rounds of success and of failure: what is made goes, whatever becomes of it.
-- SPDX-License-Identifier: MIT
local tryst = require "tryst"
local checks = require "checks"
local pin = assert(arg[1], "usage: lua_leak.lua PIN")
-- Ten bytes lost in each round would be seen. A sanitizer keeps what is freed for a while.
local sanitized = os.getenv("TRYST_SANITIZED") == "1"
local rounds = sanitized and 5000 or 200000
local most_kib = sanitized and 65536 or 2048

local function resident_kib()
    local file = assert(io.open("/proc/self/statm"))
    local _, pages = file:read("*n", "*n")
    file:close()
    return pages * 4
end

-- How much memory a body takes in so many rounds.
local function measure(count, body)
    collectgarbage()
    collectgarbage()
    local before = resident_kib()
    for i = 1, count do
        body(i)
    end
    collectgarbage()
    collectgarbage()
    return resident_kib() - before
end

-- What leaks takes more each time; a heap that found its size a little late does not.
local function growth(name, count, body)
    for i = 1, count / 2 do
        body(i)
    end
    local grown
    for _ = 1, 3 do
        grown = measure(count, body)
        if grown <= most_kib then
            break
        end
    end
    checks.is(grown <= most_kib, name .. ": " .. grown .. " KiB more after " .. count .. " rounds, again and again")
end

local one, other, to_other = checks.couple(pin, "leak")
local identity = tryst.Identity()
local key = identity:public_key()
local text = tryst.format_key(key)

checks.case("messages there", function()
    growth("send and poll", rounds, function()
        if one:send(to_other, "a message") == nil then
            one:flush()
        end
        for _ in other:events() do end
    end)
end)

checks.case("failures", function()
    growth("failures", rounds, function()
        one:send(99, "x")
        one:join("again")
        pcall(one.send, one, "x", {})
        tryst.Address("nonsense")
        tryst.Identity("short")
        tryst.Client("nonsense", { app = "x", identity = identity })
        pcall(tryst.Client, nil)
    end)
end)

checks.case("values", function()
    growth("values", rounds, function()
        local address = tryst.Address("[2001:db8::1]:5")
        tostring(address:canonical())
        local _ = address == tryst.Address("1.2.3.4", 5), address.class
        tryst.parse_key(tryst.format_key(key))
        one:local_addresses()
        one:stats()
    end)
end)

checks.case("objects", function()
    growth("identities and pins", rounds / 10, function()
        tryst.Identity(("s"):rep(32))
        tryst.Pin("localhost#" .. text)
    end)
    growth("endpoints and clients", rounds / 200, function(i)
        local endpoint = assert(tryst.Endpoint(pin, { identity = identity, seed = ("s"):rep(32), now_us = i }))
        endpoint:join(i, "room")
        endpoint:output(i)
        local client = assert(tryst.Client(pin, { identity = identity }))
        client:join("another room")
        if i % 2 == 0 then
            client:close()
            endpoint:close()
        end
        client, endpoint = nil, nil
        collectgarbage("step", 1000)
    end)
end)

checks.finish()
