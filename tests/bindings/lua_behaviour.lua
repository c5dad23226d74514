-- How the Lua module behaves: two clients that meet, failures, options, values, iteration.
-- SPDX-License-Identifier: MIT
local globals_before = {}
for name in pairs(_G) do
    globals_before[name] = true
end
local tryst = require "tryst"
local checks = require "checks"
local case, equal, is, raises, fails = checks.case, checks.equal, checks.is, checks.raises, checks.fails
local pin = assert(arg[1], "usage: lua_behaviour.lua PIN")
local has_integers = math.type ~= nil

case("the module leaves nothing among the globals and is the same each time", function()
    for name in pairs(_G) do
        is(globals_before[name] or name == "arg", "global " .. tostring(name))
    end
    equal(require "tryst", tryst)
    equal(package.loaded.tryst, tryst)
    equal(tryst._VERSION, "tryst " .. tryst.version())
    is(tryst.version():find("^%d+%.%d+%.%d+$"))
end)

case("two clients meet, talk and part", function()
    local one, other = assert(tryst.Client(pin)), assert(tryst.Client(pin))
    local both, seen = { one, other }, {}
    equal(one:join("arena", "I am one"), true)
    local registered = checks.await(both, one, "registered", seen)
    equal(registered.address.class, "loopback")
    equal(registered.address.ip, "127.0.0.1")
    equal(registered.data, "")
    equal(registered.peer, nil)
    is(registered.rtt_us > 0)
    equal(other:join("arena", "\0\1other\0"), true)
    local joined = checks.await(both, one, "joined", seen)
    equal(joined.data, "\0\1other\0")
    equal(joined.key, other:public_key())
    equal(joined.reason, nil)
    local connected = checks.await(both, one, "connected", seen)
    equal(connected.peer, joined.peer)
    equal(connected.path, "direct")
    is(connected.kind == "host" or connected.kind == "public" or connected.kind == "observed")
    is(connected.address.port > 0)
    equal(one:send(joined.peer, "ping\0pong"), true)
    equal(one:flush(), true)
    local message = checks.await(both, other, "message", seen)
    equal(message.data, "ping\0pong")
    equal(message.path, nil)
    equal(other:send(message.peer, ("x"):rep(tryst.MESSAGE_MAX)), true)
    local answer = checks.await(both, one, "message", seen)
    equal(#answer.data, tryst.MESSAGE_MAX)
    equal(answer.peer, joined.peer)
    equal(other:leave(), true)
    local left = checks.await(both, one, "left", seen)
    equal(left.peer, joined.peer)
    equal(left.key, other:public_key())
    equal(left.reason, "leave")
    equal(left.reason_text, "left by itself")
    fails(tryst.E_PEER, one:send(joined.peer, "too late"))
    one:close()
    other:close()
end)

case("what the server refuses is an event with a reason", function()
    local identity = assert(tryst.Identity())
    local kept = {}
    for i = 1, 9 do -- the server allows an identity 8 sessions
        kept[i] = assert(tryst.Client(pin, { identity = identity }))
        assert(kept[i]:join("session " .. i))
        if i < 9 then
            checks.await({ kept[i] }, kept[i], "registered")
        end
    end
    local refused = checks.await({ kept[9] }, kept[9], "refused")
    equal(refused.reason, "too-many-sessions")
    equal(refused.reason_text, "this identity is in too many sessions")
    equal(type(refused.retry_ms), "number")
    for i = 1, 9 do
        kept[i]:close()
    end
end)

case("trace events come with the option trace", function()
    local traced, plain = assert(tryst.Client(pin, { trace = true })), assert(tryst.Client(pin))
    local both, seen, has = { traced, plain }, { {}, {} }, { {}, {} }
    assert(traced:join("traced") and plain:join("traced"))
    for i = 1, 2 do
        checks.await(both, both[i], "connected", seen[i])
        for _, event in ipairs(seen[i]) do
            has[i][event.type] = event
        end
    end
    is(has[1].punch and has[1].punch.address.port > 0, "no event of the first hello")
    equal(has[2].punch, nil)
    equal(has[2].hello, nil)
    traced:close()
    plain:close()
end)

case("failures at run time are nil, message, code", function()
    local client = assert(tryst.Client(pin))
    fails(tryst.E_FORMAT, tryst.Client("no pin at all"))
    fails(tryst.E_FORMAT, tryst.Pin("host"))
    fails(tryst.E_FORMAT, tryst.Address("1.2.3.4"))
    fails(tryst.E_FORMAT, tryst.parse_key("short"))
    is(fails(tryst.E_FILE, tryst.Identity.load("/nowhere/at/all")):find("No such file"))
    fails(tryst.E_ARGUMENT, tryst.Identity("short seed"))
    fails(tryst.E_PEER, client:send(77, "x"))
    fails(tryst.E_SIZE, client:join(("n"):rep(tryst.SESSION_NAME_MAX + 1)))
    fails(tryst.E_SIZE, client:join("n", ("d"):rep(tryst.USER_DATA_MAX + 1)))
    fails(tryst.E_ARGUMENT, client:join(""))
    equal(client:join("room"), true)
    fails(tryst.E_STATE, client:join("room"))
    equal(client:leave(), true)
    equal(client:leave(), true)
    client:close()
    equal(select("#", tryst.Pin(pin)), 1)
    equal(select("#", tryst.Pin("host")), 3)
end)

case("a port in use is a failure that says why", function()
    for port = 40000 + os.time() % 10000, 60000 do
        local one = tryst.Client(pin, { port = port, no_ipv6 = true })
        if one then
            is(fails(tryst.E_NETWORK, tryst.Client(pin, { port = port, no_ipv6 = true })):find("in use"))
            one:close()
            break
        end
    end
end)

-- The line of the function at a level above.
local function line()
    return debug.getinfo(2, "l").currentline
end

case("a wrong argument raises at the caller's line, in the words of the API", function()
    local client = assert(tryst.Client(pin))
    local at
    local function raises_here(words, call)
        equal(raises(words, call):match("^.*lua_behaviour%.lua:(%d+): "), tostring(at), "line of " .. words)
    end
    raises_here("bad argument #1 to 'Client' (a string is expected)", function()
        at = line() + 1
        local _ = tryst.Client(nil)
    end)
    raises_here("bad option 'port' of Client (the number is out of range)", function()
        at = line() + 1
        local _ = tryst.Client(pin, { port = 65536 })
    end)
    raises_here("there is no option 'prot'", function()
        at = line() + 1
        local _ = tryst.Client(pin, { prot = 1 })
    end)
    raises_here("bad argument #1 to 'load' (a string is expected)", function()
        at = line() + 1
        local _ = tryst.Identity.load()
    end)
    raises_here("bad argument #1 to 'load' (the string has a NUL in it)", function()
        at = line() + 1
        local _ = tryst.Identity.load("a\0b")
    end)
    raises_here("bad option 'now_us' of Endpoint (a number is expected)", function()
        at = line() + 1
        local _ = tryst.Endpoint(pin, { identity = tryst.Identity(), seed = ("s"):rep(32) })
    end)
    raises_here("to 'poll' (the object is missing", function()
        at = line() + 1
        local _ = client.poll()
    end)
    raises_here("to 'send' (a value is expected)", function()
        at = line() + 1
        local _ = client:send(1)
    end)
    raises_here("(there is no such argument)", function()
        at = line() + 1
        local _ = client:leave(1)
    end)
    raises_here("there is no 'pol' in Client", function()
        at = line() + 1
        local _ = client.pol
    end)
    raises_here("calling 'events' on a bad object", function()
        at = line() + 1
        local _ = client.events(nil)
    end)
    raises_here("seconds from 0 on are expected", function()
        at = line() + 1
        local _ = client:events(-1)
    end)
    client:close()
end)

case("options are checked by name and kind", function()
    raises("option 'app' is a string, not a number", tryst.Client, pin, { app = 1 })
    raises("option 'trace' is a boolean, not a number", tryst.Client, pin, { trace = 1 })
    raises("there is no option '1'", tryst.Client, pin, { "app" })
    fails(tryst.E_ARGUMENT, tryst.Client(pin, { relay = "perhaps" }))
    fails(tryst.E_ARGUMENT, tryst.Client(pin, { port_mapping = "perhaps" }))
    fails(tryst.E_ARGUMENT, tryst.Client(pin, { spray = "only" }))
    raises("expected in a table, not as a string", tryst.Client, pin, "app")
    raises("expected in a table, not as a boolean", tryst.Client, pin, false)
    raises("bad option 'identity' of Client (Identity expected", tryst.Client, pin, { identity = io.stdout })
    local identity = assert(tryst.Identity(("s"):rep(32)))
    local client = assert(tryst.Client(pin, {
        identity = identity, app = "chess", keepalive_ms = 1000, path_ms = 3000, peer_ms = 6000,
        punch_ms = 2000, rekey_s = 60, port = 0, trace = false, no_ipv4 = false, no_ipv6 = true,
        tcp_port = 7778, tls_port = 8443, relay = "deny",
        port_mapping = "deny", spray = "deny", sockets = 9,
    }))
    equal(client:public_key(), identity:public_key())
    for _, address in ipairs(client:local_addresses()) do
        equal(address.family, 4)
    end
    client:close()
end)

case("apps keep to themselves", function()
    local chess, go = assert(tryst.Client(pin, { app = "chess" })), assert(tryst.Client(pin, { app = "go" }))
    local both = { chess, go }
    assert(chess:join("table") and go:join("table"))
    checks.await(both, chess, "registered")
    checks.await(both, go, "registered")
    local over = tryst.clock() + 0.2
    while tryst.clock() < over do
        chess:run(0.01)
        is(not chess:poll(), "somebody of another app")
        go:run(0.01)
        is(not go:poll(), "somebody of another app")
    end
    chess:close()
    go:close()
end)

case("events() gives what is there, or waits for so many seconds in all", function()
    local one, other, to_other, to_one, both = checks.couple(pin, "iterate")
    local start = tryst.clock()
    for _ in one:events() do end
    is(tryst.clock() - start < 1, "events() waits")
    start = tryst.clock()
    for _ in one:events(0.2) do end
    local took = tryst.clock() - start
    is(took >= 0.19 and took < 5, "events(0.2) took " .. took)
    for i = 1, 5 do
        equal(other:send(to_one, "message " .. i), true)
    end
    other:flush()
    local got = {}
    for event in one:events(checks.patience_s) do
        got[#got + 1] = event.data
        if #got == 5 then
            break
        end
    end
    table.sort(got)
    equal(table.concat(got, ","), "message 1,message 2,message 3,message 4,message 5")
    assert(one:send(to_other, "for ever") and one:flush())
    for event in other:events(math.huge) do
        equal(event.data, "for ever")
        break
    end
    for i = 1, #both do
        both[i]:close()
    end
end)

case("an error in the loop loses no event", function()
    local one, other, _, to_one = checks.couple(pin, "errors")
    for i = 1, 20 do
        equal(other:send(to_one, tostring(i)), true)
    end
    other:flush()
    local count, errors, over = 0, 0, tryst.clock() + checks.patience_s
    while count < 20 and tryst.clock() < over do
        local ok, message = pcall(function()
            for event in one:events(0.05) do
                count = count + 1
                equal(event.type, "message")
                error({ count })
            end
        end)
        if not ok then
            equal(message[1], count)
            errors = errors + 1
        end
    end
    equal(count, 20)
    equal(errors, 20)
    one:close()
    other:close()
end)

case("events() raises on a closed client, also in the middle", function()
    local client = assert(tryst.Client(pin))
    local iterate = client:events(1)
    client:close()
    equal(client:closed(), true)
    raises("the object is closed", iterate)
    raises("lua_behaviour.lua", function()
        for _ in client:events() do end
    end)
    fails(tryst.E_CLOSED, client:poll())
    fails(tryst.E_CLOSED, client:run(0))
    client:close()
end)

case("a loop of one's own has a descriptor and a wait", function()
    local client = assert(tryst.Client(pin))
    is(client:fileno() > 2)
    local wait = client:timeout()
    is(wait == nil or wait >= 0)
    equal(client:run(0) ~= nil, true)
    is(#client:local_addresses() >= 1)
    equal(tostring(client), "tryst.Client")
    client:close()
    equal(client:timeout(), 0)
    fails(tryst.E_CLOSED, client:fileno())
    fails(tryst.E_CLOSED, client:local_addresses())
    fails(tryst.E_CLOSED, client:public_key())
end)

case("a pair says why it is as it is", function()
    local one, other, to_other, _, both = checks.couple(pin, "why")
    local why = assert(one:why(to_other))
    equal(why.pair, "direct")
    equal(why.reason, nil)
    equal(why.path, "direct")
    equal(why.side, "none")
    is(why.sentence:find("^Connected directly, over .+%.$"))
    local answered = 0
    for _, candidate in ipairs(why.candidates) do
        answered = answered + (candidate.trial == "answered" and 1 or 0)
        is(candidate.sent >= 0 and candidate.first_ms >= 0)
    end
    is(answered >= 1)
    equal(why.own.no_udp, false)
    equal(type(why.peer.mapping), "string")
    assert(one:send(to_other, "counted"))
    checks.await(both, other, "message")
    local paths = assert(one:paths(to_other))
    equal(paths[1].is_current, true)
    equal(paths[1].path, "direct")
    is(paths[1].rtt_us > 0 and paths[1].bytes_out > 0)
    is(tostring(paths[1].address):find("^127%.0%.0%.1:"))
    is(({ none = true, running = true, done = true })[one:survey().state])
    is(({ off = true, asking = true, held = true, waiting = true })[one:portmap().state])
    fails(tryst.E_PEER, one:why(0))
    fails(tryst.E_PEER, one:paths(0))
    one:close()
    other:close()
    fails(tryst.E_CLOSED, one:why(to_other))
    fails(tryst.E_CLOSED, one:paths(to_other))
    fails(tryst.E_CLOSED, one:survey())
end)

case("stats count", function()
    local one, other, to_other, _, both = checks.couple(pin, "stats")
    assert(one:send(to_other, "count me"))
    checks.await(both, other, "message")
    local sent, got = one:stats(), other:stats()
    equal(sent.peers, 1)
    equal(sent.connected, 1)
    equal(sent.messages_sent, 1)
    equal(got.messages_received, 1)
    equal(sent.dropped_seal, 0)
    is(sent.bytes_sent > 0 and got.bytes_received > 0 and sent.hellos_sent > 0)
    if has_integers then
        equal(math.type(sent.bytes_sent), "integer")
        equal(math.type(to_other), "integer")
        equal(math.type(one:fileno()), "integer")
        equal(math.type(tryst.E_PEER), "integer")
        equal(math.type(tryst.MESSAGE_MAX), "integer")
        equal(math.type(tryst.Pin(pin).port), "integer")
        equal(math.type(select(3, tryst.Pin("x"))), "integer")
        equal(math.type(tryst.clock()), "float")
    end
    one:close()
    other:close()
end)

case("<close> closes", function()
    if _VERSION ~= "Lua 5.4" then
        return
    end
    local scope = assert(load([[
        local tryst, pin = ...
        local kept
        do
            local client <close> = assert(tryst.Client(pin))
            kept = client
            assert(not client:closed())
        end
        local seen = kept:closed()
        local ok = pcall(function()
            local client <close> = assert(tryst.Client(pin))
            kept = client
            error("out")
        end)
        return seen, ok, kept:closed()
    ]]))
    local first, ok, second = scope(tryst, pin)
    equal(first, true)
    equal(ok, false)
    equal(second, true)
end)

checks.finish()
