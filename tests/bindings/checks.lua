-- What the Lua tests stand on: checks that say what they saw, cases, and clients that run together.
-- SPDX-License-Identifier: MIT
local tryst = require "tryst"

local checks = { count = 0, failed = 0, patience_s = 20 }

local function show(value)
    return type(value) == "string" and string.format("%q", value) or tostring(value)
end

function checks.equal(got, wanted, what)
    checks.count = checks.count + 1
    if got ~= wanted then
        error((what or "value") .. ": got " .. show(got) .. ", wanted " .. show(wanted), 2)
    end
end

function checks.is(condition, what)
    checks.count = checks.count + 1
    if not condition then
        error(what or "this does not hold", 2)
    end
end

-- The call raises a text with these words in it.
function checks.raises(words, call, ...)
    local ok, message = pcall(call, ...)
    checks.count = checks.count + 1
    if ok then
        error("nothing is raised, wanted: " .. words, 2)
    elseif type(message) ~= "string" or not message:find(words, 1, true) then
        error("raised " .. show(message) .. ", wanted: " .. words, 2)
    end
    return message
end

-- What a call gave is nil, some text, and this code.
function checks.fails(code, value, message, got)
    checks.count = checks.count + 1
    if value ~= nil or type(message) ~= "string" or message == "" or got ~= code then
        error("got " .. show(value) .. ", " .. show(message) .. ", " .. show(got) .. ", wanted nil, text, "
              .. show(code), 2)
    end
    return message
end

-- One case; the ones after it run whatever becomes of it.
function checks.case(name, body)
    local ok, trace = xpcall(body, debug.traceback)
    if not ok then
        checks.failed = checks.failed + 1
        print("FAIL " .. name .. "\n" .. tostring(trace))
    end
end

-- Returns where all is well, so that the state ends as that of a game does: with what lives in it.
function checks.finish()
    print(checks.count .. " checks, " .. checks.failed .. " failed")
    if checks.failed > 0 or checks.count == 0 then
        os.exit(1)
    end
end

-- Runs all these clients until one of them has an event of a type, and gives it; the events before it
-- are kept in the list seen.
function checks.await(clients, client, type_, seen)
    local over = tryst.clock() + checks.patience_s
    while tryst.clock() < over do
        for i = 1, #clients do
            assert(clients[i]:run(0.002) ~= nil)
        end
        local event, message = client:poll()
        assert(event or not message, message)
        while event do
            if event.type == type_ then
                return event
            elseif seen then
                seen[#seen + 1] = event
            end
            event = client:poll()
        end
    end
    error("no event '" .. type_ .. "' in " .. checks.patience_s .. " s", 2)
end

-- Two clients that are connected, and the handle that each has for the other.
function checks.couple(pin, session, options)
    local given = { relay = "deny" } -- one path, and so one event of it
    for name, value in pairs(options or {}) do
        given[name] = value
    end
    local one, other = assert(tryst.Client(pin, given)), assert(tryst.Client(pin, given))
    local both = { one, other }
    assert(one:join(session, "one"))
    checks.await(both, one, "registered")
    assert(other:join(session, "other"))
    local to_other = checks.await(both, one, "connected").peer
    local to_one = checks.await(both, other, "connected").peer
    return one, other, to_other, to_one, both
end

return checks
