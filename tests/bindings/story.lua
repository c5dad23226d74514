-- One story told three times, in Lua: see story.c.
-- SPDX-License-Identifier: MIT
local tryst = require "tryst"
local ann, ben

-- Runs both until one of them has an event of a type.
local function await(client, type_)
    for _ = 1, 10000 do
        ann:run(0.001)
        ben:run(0.001)
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

local function show_failure(what, _, message)
    print(what .. ": " .. message)
end

local function hex(bytes)
    return (bytes:gsub(".", function(byte) return ("%02x "):format(byte:byte()) end):gsub(" $", ""))
end

local function player(seed)
    return assert(tryst.Client(arg[1], { identity = tryst.Identity(string.char(seed):rep(32)), app = "story" }))
end

local address = tryst.Address("[::ffff:192.168.1.2]:7"):canonical()
print(address .. " is " .. address.class)
show_failure("an address", tryst.Address("nowhere"))
ann, ben = player(1), player(2)
print("Ann is " .. tryst.format_key(ann:public_key()))
show_failure("a send", ann:send(1, "x"))
ann:join("room", "Ann\0")
show_failure("a second join", ann:join("room"))
print("Ann: " .. await(ann, "registered").type)
ben:join("room")
local joined = await(ben, "joined")
print("Ben: joined with " .. hex(joined.data))
local connected = await(ben, "connected")
print("Ben: " .. connected.type .. ", " .. connected.path)
ben:send(joined.peer, "\0\1\0\255")
local message = await(ann, "message")
print("Ann: message " .. hex(message.data))
ann:send(message.peer, "answer")
print("Ben: message " .. await(ben, "message").data)
show_failure("too much", ann:send(message.peer, ("\0"):rep(1151)))
local stats = ann:stats()
print(("Ann: %d connected, %d received"):format(stats.connected, stats.messages_received))
ben:leave()
local left = await(ann, "left")
print("Ann: " .. left.type .. ", " .. left.reason_text)
ann:close()
ben:close()
print("the end")
