-- The whole of a peer-to-peer program: joins a session, greets everyone, prints what it hears.
-- SPDX-License-Identifier: MIT
local tryst = require "tryst"
local client = assert(tryst.Client(arg[1])) -- HOST:PORT#KEY, the line trystd prints
assert(client:join("duel"))
for event in client:events(math.huge) do
    if event.type == "joined" then
        client:send(event.peer, "hello")
    elseif event.type == "message" then
        print(event.data)
        io.flush()
    end
end
