-- The endpoint without sockets in Lua: what goes in, what comes out, and, where LuaJIT has sockets to
-- offer, a whole session over a socket of the script's own.
-- SPDX-License-Identifier: MIT
local tryst = require "tryst"
local checks = require "checks"
local case, equal, is, raises, fails = checks.case, checks.equal, checks.is, checks.raises, checks.fails
local pin = assert(arg[1], "usage: lua_endpoint.lua PIN")
local SERVER = "192.0.2.1:7777"
local seeds = 0

-- An endpoint; a seed is never used twice.
local function endpoint(options)
    local given = { identity = tryst.Identity(), seed = ("%032d"):format(seeds), now_us = 1 }
    seeds = seeds + 1
    for name, value in pairs(options or {}) do
        given[name] = value
    end
    return assert(tryst.Endpoint(pin, given))
end

case("what is to be sent comes out as a datagram with an address", function()
    local one = endpoint()
    equal(one:output(1), nil)
    equal(one:set_server(1, { tryst.Address(SERVER), "[2001:db8::1]:9" }), true)
    equal(one:set_local(1, { "10.0.0.1:5" }), true)
    equal(tostring(one:local_addresses()[1]), "10.0.0.1:5")
    equal(one:join(1, "hall", "who I am"), true)
    fails(tryst.E_STATE, one:join(1, "hall"))
    local seen, datagram = {}, one:output(1)
    while datagram do
        is(#datagram.data > 0 and #datagram.data <= tryst.DATAGRAM_MAX)
        equal(type(datagram.ttl), "number")
        equal(datagram.to == nil, false)
        seen[tostring(datagram.to)] = datagram
        datagram = one:output(1)
    end
    is(seen[SERVER], "nothing for the server")
    equal(one:stats().datagrams_sent >= 1, true)
    is(one:deadline() > 1)
    equal(one:tick(one:deadline()), true)
    is(one:output(one:deadline()), "the question is not repeated")
    one:close()
    equal(one:closed(), true)
end)

case("a datagram that is nobody's is counted, not an error", function()
    local one, other = endpoint(), endpoint()
    one:set_server(1, { SERVER })
    other:set_server(1, { SERVER })
    local bind = assert(one:output(1))
    local function dropped()
        local sum = 0
        for name, value in pairs(other:stats()) do
            sum = sum + (name:find("^dropped_") and value or 0)
        end
        return sum
    end
    equal(other:input(2, "10.0.0.1:5", bind.data), true)
    equal(dropped(), 1)
    equal(other:input(2, SERVER, ("\0"):rep(60), "10.0.0.2:7"), true)
    equal(other:input(2, tryst.Address(SERVER), "", tryst.Address("10.0.0.2:7")), true)
    equal(dropped(), 3)
    equal(other:stats().datagrams_received, 3)
    equal(other:poll(), nil)
    one:close()
    other:close()
end)

case("silence ends in an event, on a clock that the script moves", function()
    local one = endpoint()
    one:set_server(1, { SERVER })
    one:join(1, "nobody home")
    local event, turns = nil, 0
    while not event and turns < 1000 do
        local now = one:deadline()
        one:tick(now)
        while one:output(now) do end
        event = one:poll()
        turns = turns + 1
    end
    equal(event.type, "server-lost")
    equal(event.stage, "cookie")
    equal(event.reason, "silent")
    equal(event.reason_text, "nothing came back")
    one:close()
end)

case("wrong arguments raise, wrong states fail", function()
    local one = endpoint()
    raises("a table of addresses is expected", one.set_server, one, 1, SERVER)
    raises("bad argument #3 to '", one.set_server, one, 1, { SERVER, 5 })
    raises("an address is expected, as", one.input, one, 1, "nonsense", "x")
    raises("an Address or its text is expected", one.input, one, 1, nil, "x")
    raises("a value is expected", one.tick, one)
    raises("a number is expected", one.tick, one, "1")
    raises("out of range", one.tick, one, -1)
    raises("without a fraction", one.tick, one, 0.5)
    raises("without a fraction", one.tick, one, 0 / 0)
    raises("out of range", one.tick, one, 2 ^ 60)
    local many = {}
    for i = 1, 65 do
        many[i] = "10.0.0.1:" .. i
    end
    raises("too many addresses", one.set_local, one, 1, many)
    many[65] = nil
    equal(one:set_local(1, many), true)
    equal(#one:local_addresses(), tryst.LOCAL_MAX)
    fails(tryst.E_ARGUMENT, tryst.Endpoint(pin, { now_us = 1 }))
    fails(tryst.E_ARGUMENT, tryst.Endpoint(pin, { now_us = 1, identity = tryst.Identity(), seed = "short" }))
    fails(tryst.E_FORMAT, tryst.Endpoint("no pin", { now_us = 1, identity = tryst.Identity(), seed = ("s"):rep(32) }))
    fails(tryst.E_PEER, one:send(1, 4, "x"))
    one:close()
    one:close()
    for _, name in ipairs { "leave", "tick", "output" } do
        fails(tryst.E_CLOSED, one[name](one, 1))
    end
    for _, name in ipairs { "poll", "stats", "local_addresses" } do
        fails(tryst.E_CLOSED, one[name](one))
    end
    equal(one:deadline(), nil)
end)

-- A UDP socket on loopback, by way of LuaJIT's FFI: gives send(address, data) and receive().
local function udp()
    local ffi = require "ffi"
    pcall(ffi.cdef, [[
        struct in4 { uint16_t family; uint8_t port[2]; uint8_t ip[4]; uint8_t zero[8]; };
        int socket(int, int, int);
        int bind(int, const struct in4 *, uint32_t);
        int getsockname(int, struct in4 *, uint32_t *);
        long sendto(int, const char *, size_t, int, const struct in4 *, uint32_t);
        long recvfrom(int, char *, size_t, int, struct in4 *, uint32_t *);
        int close(int);
    ]])
    local C, length, buffer = ffi.C, ffi.new("uint32_t[1]", 16), ffi.new("char[2048]")
    local function to_in4(text)
        local a, b, c, d, port = text:match("^(%d+)%.(%d+)%.(%d+)%.(%d+):(%d+)$")
        port = tonumber(port)
        return ffi.new("struct in4", { 2, { math.floor(port / 256), port % 256 },
            { tonumber(a), tonumber(b), tonumber(c), tonumber(d) } })
    end
    local function to_text(in4)
        return ("%d.%d.%d.%d:%d"):format(in4.ip[0], in4.ip[1], in4.ip[2], in4.ip[3],
            in4.port[0] * 256 + in4.port[1])
    end
    local from = ffi.new("struct in4")
    local socket = C.socket(2, 2, 0)
    assert(socket >= 0 and C.bind(socket, to_in4("127.0.0.1:0"), 16) == 0)
    assert(C.getsockname(socket, from, length) == 0)
    return {
        address = to_text(from),
        send = function(address, data)
            C.sendto(socket, data, #data, 0, to_in4(address), 16)
        end,
        receive = function()
            local size = tonumber(C.recvfrom(socket, buffer, 2048, 0x40, from, length)) -- MSG_DONTWAIT
            if size >= 0 then
                return to_text(from), ffi.string(buffer, size)
            end
        end,
        close = function()
            C.close(socket)
        end,
    }
end

case("an endpoint on a socket of the script's own meets a client", function()
    if not rawget(_G, "jit") then
        return
    end
    local socket, client = udp(), assert(tryst.Client(pin, { no_ipv6 = true }))
    local function now()
        return math.floor(tryst.clock() * 1e6)
    end
    local one = endpoint({ now_us = now(), unix_ms = os.time() * 1000, app = "" })
    local seen, heard = {}, {}
    one:set_server(now(), { ("127.0.0.1:%d"):format(tryst.Pin(pin).port) })
    one:set_local(now(), { socket.address })
    assert(one:join(now(), "both kinds", "endpoint") and client:join("both kinds", "client"))
    local over = tryst.clock() + checks.patience_s
    while not (seen.message and heard.message) and tryst.clock() < over do
        for source, data in socket.receive do
            assert(one:input(now(), source, data, socket.address))
        end
        assert(one:tick(now()))
        for event in function() return one:poll() end do
            seen[event.type] = event
            if event.type == "connected" then
                assert(one:send(now(), event.peer, "from an endpoint\0"))
            end
        end
        for datagram in function() return one:output(now()) end do
            socket.send(tostring(datagram.to), datagram.data)
        end
        client:run(0.005)
        for event in client:events() do
            heard[event.type] = event
            if event.type == "connected" then
                assert(client:send(event.peer, "from a client\0"))
            end
        end
    end
    equal(seen.message and seen.message.data, "from a client\0")
    equal(heard.message and heard.message.data, "from an endpoint\0")
    equal(seen.joined.data, "client")
    equal(heard.joined.data, "endpoint")
    equal(seen.joined.key, client:public_key())
    one:close()
    client:close()
    socket.close()
end)

checks.finish()
