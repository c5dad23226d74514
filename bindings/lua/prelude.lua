-- Makes of SWIG's raw module what `require "tryst"` gives: constructors that say why they failed,
-- options by name, idioms. Compiled into the module; plain Lua 5.1, run once in each state.
-- SPDX-License-Identifier: MIT
local raw, swig, constructors = ...
local error, getmetatable, next, pairs, setmetatable, tostring, type =
    error, getmetatable, next, pairs, setmetatable, tostring, type

local tryst = { _VERSION = "tryst " .. raw.version() }

-- Of the raw module: failures and sizes, and functions without an object.
for name, value in pairs(raw) do
    if name:find("^E_") or name:find("_MAX$") or name:find("_SIZE$") or name == "PORT" then
        tryst[name] = value
    end
end
for _, name in pairs({ "version", "format_key", "parse_key", "clock" }) do
    tryst[name] = raw[name]
end

local function unknown(name)
    return function(_, key)
        error("there is no '" .. tostring(key) .. "' in " .. name, 2)
    end
end

-- How objects of a class look up what they know. Without attributes a method is one look into a
-- table; a name that is unknown is an error, not nil.
local function index(name, methods, getters)
    if next(getters) == nil then
        return setmetatable(methods, { __index = unknown(name), __metatable = false })
    end
    local miss = unknown(name)
    return function(self, key)
        local method = methods[key]
        if method then
            return method
        end
        local get = getters[key]
        if get then
            return get(self)
        end
        return miss(self, key)
    end
end

-- The metatable and the methods of a class of SWIG's, made fit for scripts: what a script could harm
-- itself with is taken away, and the metatable is hidden, as it holds the finalizer.
local function class(name)
    local meta = swig[name]
    local methods = meta[".fn"]
    local close = methods.close
    methods.__disown = nil
    meta.__index = index(name, methods, meta[".get"])
    meta.__newindex = function(_, key)
        error("'" .. tostring(key) .. "' of " .. name .. " cannot be set", 2)
    end
    meta.__name = "tryst." .. name
    meta.__metatable = "tryst." .. name
    meta.__tostring = function()
        return "tryst." .. name
    end
    if close then
        meta.__close = function(self) -- Lua gives it the error, too, which close does not take
            close(self)
        end
    end
    return meta, methods
end

-- What scripts call to make an object of a class, with its functions that need none.
local function constructor(name, create, functions)
    tryst[name] = setmetatable(functions or {}, {
        __call = function(_, ...)
            return create(...)
        end,
        __index = unknown(name),
        __newindex = function(_, key)
            error("'" .. tostring(key) .. "' of " .. name .. " cannot be set", 2)
        end,
        __metatable = "tryst." .. name .. " class",
    })
end

-- A method of SWIG's under its public name, its own name gone.
local function take(methods, name)
    local method = methods[name]
    methods[name] = nil
    return method
end

-- Address --------------------------------------------------------------------------------------

do
    local meta, methods = class("Address")
    local text, compare, classify = take(methods, "_text"), take(methods, "_compare"), take(methods, "_classify")
    meta[".get"].class = function(self)
        return raw.address_class_name(classify(self))
    end
    meta.__tostring = text
    meta.__concat = function(one, other)
        return tostring(one) .. tostring(other)
    end
    meta.__eq = function(one, other)
        return compare(one, other) == 0
    end
    meta.__lt = function(one, other)
        return compare(one, other) < 0
    end
    meta.__le = function(one, other)
        return compare(one, other) <= 0
    end
    local new = constructors.Address
    constructor("Address", function(text, port)
        if port == nil then
            return new(text)
        end
        return new(text, port)
    end)
end

-- Pin ------------------------------------------------------------------------------------------

do
    local meta, methods = class("Pin")
    meta.__tostring = take(methods, "_text")
    local new = constructors.Pin
    constructor("Pin", function(text)
        return new(text)
    end)
end

-- Identity -------------------------------------------------------------------------------------

do
    local meta, methods = class("Identity")
    meta.__tostring = function(self)
        return raw.format_key(methods.public_key(self))
    end
    local new = constructors.Identity
    constructor("Identity", function(seed)
        return new(seed)
    end, {
        load = function(path)
            if type(path) ~= "string" then
                error("bad argument #1 to 'load' (a path is expected)", 2)
            end
            return new(nil, path)
        end,
    })
end

-- Client and Endpoint --------------------------------------------------------------------------

-- The values of options in the order of names; an option that is not among them is an error.
local function in_order(options, names, kinds)
    local values = {}
    if options ~= nil and type(options) ~= "table" then
        error("options are expected in a table, not as a " .. type(options), 3)
    end
    for name, value in pairs(options or {}) do
        local kind = kinds[name]
        if not kind then
            error("there is no option '" .. tostring(name) .. "'", 3)
        end
        if type(value) ~= kind then
            error("option '" .. name .. "' is a " .. kind .. ", not a " .. type(value), 3)
        end
    end
    for i = 1, #names do
        local value = options and options[names[i]]
        if value == nil and kinds[names[i]] == "number" then
            value = 0
        end
        values[i] = value
    end
    return values
end

do
    local names = {
        "identity", "app", "keepalive_ms", "path_ms", "peer_ms", "punch_ms", "rekey_s", "port",
        "trace", "no_ipv4", "no_ipv6",
    }
    local kinds = {
        identity = "userdata", app = "string", keepalive_ms = "number", path_ms = "number",
        peer_ms = "number", punch_ms = "number", rekey_s = "number", port = "number",
        trace = "boolean", no_ipv4 = "boolean", no_ipv6 = "boolean",
    }
    local _, methods = class("Client")
    local poll, run, clock = methods.poll, methods.run, raw.clock

    -- Events as they come, for so many seconds in all; without a number those that are there.
    -- An iterator that ended in silence would hide a failure: it raises.
    function methods.events(self, timeout)
        if timeout ~= nil and (type(timeout) ~= "number" or not (timeout >= 0)) then
            error("bad argument #1 to 'events' (seconds from 0 on are expected)", 2)
        end
        local over = timeout ~= nil and timeout > 0 and clock() + timeout
        local has_run = false
        return function()
            while true do
                local event, message = poll(self)
                if event then
                    return event
                end
                local left = over and over - clock() or 0
                if not message and (left > 0 or not has_run) then
                    has_run = true
                    local _
                    _, message = run(self, left > 0 and left or 0)
                elseif not message then
                    return nil
                end
                if message then
                    error(message, 2)
                end
            end
        end
    end

    local new = constructors.Client
    constructor("Client", function(server, options)
        local v = in_order(options, names, kinds)
        return new(server, v[1], v[2], v[3], v[4], v[5], v[6], v[7], v[8], v[9], v[10], v[11])
    end)
end

do
    local names = { "app", "keepalive_ms", "path_ms", "peer_ms", "punch_ms", "rekey_s", "trace" }
    local kinds = {
        app = "string", keepalive_ms = "number", path_ms = "number", peer_ms = "number",
        punch_ms = "number", rekey_s = "number", trace = "boolean",
        identity = "userdata", seed = "string", now_us = "number", unix_ms = "number",
    }
    class("Endpoint")
    local new = constructors.Endpoint
    constructor("Endpoint", function(server, options)
        local v = in_order(options, names, kinds)
        local given = options or {}
        return new(server, given.identity, given.seed, given.now_us, given.unix_ms or 0, v[1], v[2],
                   v[3], v[4], v[5], v[6], v[7])
    end)
end

return tryst
