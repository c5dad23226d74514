-- The values of the Lua module: Address, Pin, Identity, keys and constants.
-- SPDX-License-Identifier: MIT
local tryst = require "tryst"
local checks = require "checks"
local case, equal, is, raises, fails = checks.case, checks.equal, checks.is, checks.raises, checks.fails
local pin = assert(arg[1], "usage: lua_values.lua PIN")

case("an address has parts, a class and a text", function()
    local rows = {
        { "1.2.3.4:5", 4, "1.2.3.4", 5, 0, "public" },
        { "192.168.0.1:65535", 4, "192.168.0.1", 65535, 0, "private" },
        { "100.64.0.1:1", 4, "100.64.0.1", 1, 0, "carrier" },
        { "[2001:4860::1]:80", 6, "2001:4860::1", 80, 0, "public" },
        { "[fe80::1%2]:7", 6, "fe80::1", 7, 2, "link-local" },
        { "[::1]:7", 6, "::1", 7, 0, "loopback" },
        { "1.2.3.4:0", 4, "1.2.3.4", 0, 0, "none" },
    }
    for _, row in ipairs(rows) do
        local address = assert(tryst.Address(row[1]))
        equal(tostring(address), row[1])
        equal(address.family, row[2])
        equal(address.ip, row[3])
        equal(address.port, row[4])
        equal(address.scope, row[5])
        equal(address.class, row[6])
    end
    equal(tostring(tryst.Address("::1", 9)), "[::1]:9")
    equal(tostring(tryst.Address("1.2.3.4", 0)), "1.2.3.4:0")
    equal(tostring(tryst.Address("[::ffff:1.2.3.4]:9"):canonical()), "1.2.3.4:9")
end)

case("addresses compare, order and join with text", function()
    local one, same, more = tryst.Address("1.2.3.4:5"), tryst.Address("1.2.3.4:5"), tryst.Address("1.2.3.4:6")
    equal(one == same, true)
    equal(one == more, false)
    equal(one ~= more, true)
    equal(one == io.stdout, false)
    equal(one == tryst.Pin(pin), false)
    equal(one == "1.2.3.4:5", false)
    equal(one < more, true)
    equal(more <= one, false)
    equal(one <= same, true)
    equal(one > more, false)
    equal("at " .. one, "at 1.2.3.4:5")
    equal(one .. "!", "1.2.3.4:5!")
    equal(one .. more, "1.2.3.4:51.2.3.4:6")
    local list = { tryst.Address("9.0.0.1:1"), more, one, tryst.Address("[::1]:1") }
    table.sort(list)
    equal(list[1] == one and list[2] == more and list[4].family, 6)
    raises("lua_values.lua", function() -- Lua 5.1 has words of its own for this
        return one < {}
    end)
end)

case("an address that is none is a failure or an error", function()
    for _, text in ipairs { "", "1.2.3.4", "1.2.3.4:65536", "1.2.3.4:-1", "[::1", "host:1", ("9"):rep(5000) } do
        fails(tryst.E_FORMAT, tryst.Address(text))
    end
    fails(tryst.E_FORMAT, tryst.Address("1.2.3.4", 65536))
    fails(tryst.E_FORMAT, tryst.Address(("1"):rep(500), 1))
    raises("the string has a NUL in it", tryst.Address, "1.2.3.4:5\0")
    raises("a number is expected", tryst.Address, "1.2.3.4", "5")
    raises("without a fraction", tryst.Address, "1.2.3.4", 5.5)
    raises("there is no 'prot' in Address", function()
        return tryst.Address("1.2.3.4:5").prot
    end)
    raises("'port' of Address cannot be set", function()
        tryst.Address("1.2.3.4:5").port = 6
    end)
end)

case("a pin has parts and a text", function()
    local key = ("k"):rep(tryst.KEY_SIZE)
    local text = "example.org:99#" .. tryst.format_key(key)
    local one = assert(tryst.Pin(text))
    equal(one.host, "example.org")
    equal(one.port, 99)
    equal(one.key, key)
    equal(tostring(one), text)
    equal(one == tryst.Pin(text), true)
    equal(one == tryst.Pin(pin), false)
    equal(one == io.stdout, false)
    equal(tryst.Pin("example.org#" .. tryst.format_key(key)).port, tryst.PORT)
    equal(tostring(tryst.Pin(pin)), pin)
    fails(tryst.E_FORMAT, tryst.Pin(""))
    raises("cannot be set", function()
        one.port = 1
    end)
end)

case("an identity comes from chance, a seed or a file", function()
    local seed = "\0seed with NUL in it, 32 bytes\0\255"
    equal(#seed, tryst.KEY_SIZE)
    local one, same = assert(tryst.Identity(seed)), assert(tryst.Identity(seed))
    equal(one:public_key(), same:public_key())
    equal(#one:public_key(), tryst.KEY_SIZE)
    is(one:public_key() ~= tryst.Identity():public_key())
    equal(tostring(one), tryst.format_key(one:public_key()))
    local path = os.tmpname()
    os.remove(path)
    equal(one:save(path), true)
    equal(assert(tryst.Identity.load(path)):public_key(), one:public_key())
    os.remove(path)
    fails(tryst.E_FILE, tryst.Identity.load(path))
    fails(tryst.E_FILE, one:save("/nowhere/at/all"))
    fails(tryst.E_ARGUMENT, tryst.Identity(""))
    raises("a string is expected", tryst.Identity, 32)
end)

case("keys become text and come back", function()
    local key = "\0\1\2" .. ("\255"):rep(29)
    equal(#tryst.format_key(key), 43)
    equal(tryst.parse_key(tryst.format_key(key)), key)
    fails(tryst.E_FORMAT, tryst.parse_key(("!"):rep(43)))
    raises("a key of 32 bytes is expected", tryst.format_key, "short")
    raises("a value is expected", tryst.format_key)
    raises("there is no such argument", tryst.version, 1)
end)

case("the clock goes on", function()
    local before = tryst.clock()
    for _ = 1, 1000 do
        local now = tryst.clock()
        is(now >= before, "the clock went back")
        before = now
    end
end)

case("constants are those of C", function()
    local codes = 0
    for name, value in pairs(tryst) do
        if name:find("^E_") then
            codes = codes + 1
            is(value < 0 and value == math.floor(value), name)
        end
    end
    equal(codes, 16)
    equal(tryst.KEY_SIZE, 32)
    equal(tryst.PORT, 7777)
end)

checks.finish()
