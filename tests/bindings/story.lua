-- One story told three times, in Lua: see story.c.
-- SPDX-License-Identifier: MIT
local tryst = require "tryst"
local ann, ben, cat

-- Runs everybody until one of them has an event of a type.
local function await(client, type_)
    for _ = 1, 10000 do
        ann:run(0.001)
        ben:run(0.001)
        cat:run(0.001)
        local event = client:poll()
        while event do
            if event.type == type_ then
                return event
            end
            event = client:poll()
        end
    end
    error("failed: " .. type_)
end

local function say(...)
    print(string.format(...))
end

local function show_data(what, data)
    local hex = data:gsub(".", function(byte) return (" %02x"):format(byte:byte()) end)
    say("%s %d bytes:%s", what, #data, hex)
end

local function show_failure(what, result, message)
    say("%s: %s", what, result == nil and message or "ok")
end

local function player(seed)
    local identity = tryst.Identity(string.char(seed):rep(32))
    return assert(tryst.Client(arg[1], { identity = identity, app = "story", relay = "deny" }))
end

local address = tryst.Address("[::ffff:192.168.1.2]:7"):canonical()
print(address .. " is " .. address.class)
show_failure("an address", tryst.Address("nowhere"))
say("a message of %d bytes at most, user data of %d", tryst.MESSAGE_MAX, tryst.USER_DATA_MAX)
ann, ben, cat = player(1), player(2), player(3)

say("Ann is %s", tryst.format_key(ann:public_key()))
show_failure("a send", ann:send(1, "x"))
show_failure("much user data", ann:join("room", ("\0"):rep(tryst.USER_DATA_MAX + 1)))
ann:join("room", "Ann\0")
show_failure("a second join", ann:join("room"))
local event = await(ann, "registered")
say("Ann: %s from %s", event.type, event.address.class)
ben:join("room")
local joined = await(ben, "joined")
say("Ben: joined by %s", tryst.format_key(joined.key))
show_data("Ben: joined with", joined.data)
event = await(ben, "connected")
say("Ben: %s, %s", event.type, event.path)

ben:send(joined.peer, "\0\1\0\255")
local message = await(ann, "message")
show_data("Ann: message of", message.data)
ann:send(message.peer, "y\0s\0")
show_data("Ben: message of", await(ben, "message").data)
ann:send(message.peer, ("\0"):rep(tryst.MESSAGE_MAX))
say("Ben: message of %d bytes", #await(ben, "message").data)
show_failure("too much", ann:send(message.peer, ("\0"):rep(tryst.MESSAGE_MAX + 1)))
show_failure("nothing", ann:send(message.peer, ""))
show_failure("a stranger", ann:send(message.peer + 1000, "x"))
local stats = ann:stats()
say("Ann: %d connected, %d sent, %d received", stats.connected, stats.messages_sent, stats.messages_received)

cat:join("room")
event = await(cat, "refused")
say("Cat: %s, %s; again in %d ms", event.type, event.reason_text, event.retry_ms)
ben:leave()
event = await(ann, "left")
say("Ann: %s, %s", event.type, event.reason_text)
show_failure("a farewell", ann:send(message.peer, "x"))
ann:close()
ben:close()
cat:close()
print("the end")
