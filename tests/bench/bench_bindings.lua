-- The Lua side of bench_bindings.py: the calls that it measures, through the module or through LuaJIT's FFI.
--
--     lua bench_bindings.lua PIN                  the module
--     luajit bench_bindings.lua PIN LIBTRYST      the library, by FFI
--
-- Prints a line "NAME NANOSECONDS" for each. The way gives clients of a kind; what is measured stands in
-- loops of its own there, so that nothing comes between loop and call.
-- SPDX-License-Identifier: MIT
local pin, library = arg[1], arg[2]
local ROUNDS, BATCHES, BATCH, CALLS, SIZE, TURNS = 20, 8, 256, 20000, 64, 4
local message = ("x"):rep(SIZE)

local function module_way()
    local tryst = require "tryst"
    local way = { clock = tryst.clock }

    function way.client()
        local client = assert(tryst.Client(pin))
        assert(client:join("bench in a module"))
        return client
    end

    function way.run(client, seconds)
        client:run(seconds)
    end

    function way.flush(client)
        client:flush()
    end

    function way.trivial(client)
        for _ = 1, CALLS do
            client:fileno()
        end
    end

    function way.send(client, peer)
        for _ = 1, BATCH do
            client:send(peer, message)
        end
    end

    function way.nothing(client)
        for _ = 1, CALLS do
            client:poll()
        end
    end

    function way.events(client)
        local count, peer = 0, nil
        local event = client:poll()
        while event do
            count = count + 1
            if event.type == "connected" then
                peer = event.peer
            end
            event = client:poll()
        end
        return count, peer
    end

    return way
end

local declarations = [[
struct tryst_address { uint8_t family, reserved; uint16_t port; uint32_t scope; uint8_t ip[16]; };
struct tryst_event {
    uint32_t type, peer, path, kind, stage, reason, rtt_us, retry_ms;
    struct tryst_address address, local_address;
    uint8_t key[32]; const void *data; size_t size; char text[64];
    uint8_t reserved[256 - 8 * 4 - 2 * 24 - 32 - sizeof(void *) - sizeof(size_t) - 64];
};
struct tryst_options {
    uint32_t struct_size, keepalive_ms, path_ms, peer_ms, punch_ms, rekey_s;
    uint16_t port; uint8_t trace, no_ipv4, no_ipv6, reserved[3];
    const char *server, *app;
    uint16_t tcp_port, tls_port; uint8_t relay, reserved2[3];
};
struct tryst_client;
int32_t tryst_options_init(struct tryst_options *);
int32_t tryst_client_create(struct tryst_client **, const void *, const struct tryst_options *);
int32_t tryst_client_join(struct tryst_client *, const char *, const void *, size_t);
int32_t tryst_client_run(struct tryst_client *, int32_t);
int32_t tryst_client_flush(struct tryst_client *);
int32_t tryst_client_fileno(const struct tryst_client *);
int32_t tryst_client_send(struct tryst_client *, uint32_t, const void *, size_t);
int32_t tryst_client_poll(struct tryst_client *, struct tryst_event *);
struct timespec { long tv_sec, tv_nsec; };
int clock_gettime(int, struct timespec *);
]]

local function ffi_way()
    local ffi = require "ffi"
    ffi.cdef(declarations)
    local C = ffi.load(library)
    local event, time, connected, monotonic = ffi.new("struct tryst_event"), ffi.new("struct timespec"), 3, 1
    local way = {}

    function way.clock()
        ffi.C.clock_gettime(monotonic, time)
        return tonumber(time.tv_sec) + tonumber(time.tv_nsec) / 1e9
    end

    function way.client()
        local options, client = ffi.new("struct tryst_options"), ffi.new("struct tryst_client *[1]")
        C.tryst_options_init(options)
        options.server = pin
        assert(C.tryst_client_create(client, nil, options) == 0)
        assert(C.tryst_client_join(client[0], "bench by ffi", nil, 0) == 0)
        return client[0]
    end

    function way.run(client, seconds)
        C.tryst_client_run(client, seconds * 1000)
    end

    function way.flush(client)
        C.tryst_client_flush(client)
    end

    function way.trivial(client)
        for _ = 1, CALLS do
            C.tryst_client_fileno(client)
        end
    end

    function way.send(client, peer)
        for _ = 1, BATCH do
            C.tryst_client_send(client, peer, message, SIZE)
        end
    end

    function way.nothing(client)
        for _ = 1, CALLS do
            C.tryst_client_poll(client, event)
        end
    end

    function way.events(client)
        local count, peer, bytes = 0, nil, 0
        while C.tryst_client_poll(client, event) == 1 do
            count = count + 1
            bytes = bytes + #ffi.string(event.data, event.size) -- a script wants a string
            if event.type == connected then
                peer = event.peer
            end
        end
        return count, peer
    end

    return way
end

local way = library and ffi_way() or module_way()
local clients, peers = { way.client(), way.client() }, {}

-- Also waits until the addresses that lost have gone quiet.
local start = way.clock()
while way.clock() - start < (peers[1] and peers[2] and 1.5 or 10) do
    for i, client in ipairs(clients) do
        way.run(client, 0.001)
        local _, peer = way.events(client)
        peers[i] = peer or peers[i]
    end
end
assert(peers[1] and peers[2], "the clients do not connect")

local function read_all(client)
    way.run(client, 0)
    way.events(client)
end

-- Each gives seconds a call.
local measures = {}

function measures.trivial()
    local begin = way.clock()
    way.trivial(clients[1])
    return (way.clock() - begin) / CALLS
end

function measures.send()
    local spent = 0
    for _ = 1, BATCHES do
        local begin = way.clock()
        way.send(clients[1], peers[1])
        spent = spent + way.clock() - begin
        way.flush(clients[1])
        read_all(clients[2])
    end
    return spent / (BATCHES * BATCH)
end

function measures.nothing()
    for _ = 1, TURNS do
        read_all(clients[1])
    end
    local begin = way.clock()
    way.nothing(clients[1])
    return (way.clock() - begin) / CALLS
end

function measures.event()
    local spent, count = 0, 0
    for _ = 1, BATCHES do
        way.send(clients[2], peers[2])
        way.flush(clients[2])
        for _ = 1, TURNS do
            way.run(clients[1], 0)
        end
        local begin = way.clock()
        count = count + way.events(clients[1])
        spent = spent + way.clock() - begin
    end
    return spent / math.max(count, 1)
end

for _, name in ipairs({ "trivial", "send", "nothing", "event" }) do
    local best = math.huge
    for _ = 1, ROUNDS do
        best = math.min(best, measures[name]())
    end
    print(("%s %.2f"):format(name, best * 1e9))
end
