-- Makes of SWIG's raw module what `require "tryst"` gives: constructors that say why they failed,
-- options by name, idioms. Compiled into the module; plain Lua 5.1, run once in each state.
-- SPDX-License-Identifier: MIT
local raw, swig, constructors = ...
local error, getmetatable, next, pairs, pcall, setmetatable, tonumber, tostring, type, unpack =
    error, getmetatable, next, pairs, pcall, setmetatable, tonumber, tostring, type,
    unpack or table.unpack

local tryst = { _VERSION = "tryst " .. raw.version() }

-- Of the raw module: failures and sizes, and functions without an object.
for name, value in pairs(raw) do
    if name:find("^E_") or name:find("_MAX$") or name:find("_SIZE$") or name == "PORT" then
        tryst[name] = value
    end
end
for _, name in pairs({ "version", "format_key", "parse_key", "app_id", "session_id", "clock" }) do
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
    meta.__eq = nil -- SWIG's believes any userdata
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

-- What C says of an argument of a constructor, in the words of who called: C counts what the
-- functions below hand on, starting after so many that nobody gave, and then the options.
local function explain(message, name, skipped, options)
    local at, why
    if type(message) == "string" then
        at, why = message:match("bad argument #(%d+) to '.-' %((.*)%)$")
    end
    if not at then
        return message
    end
    at = tonumber(at)
    local option = options[at - 1]
    if option then
        return "bad option '" .. option.name .. "' of " .. name .. " (" .. why .. ")"
    end
    return "bad argument #" .. (at - skipped) .. " to '" .. name .. "' (" .. why .. ")"
end

-- A function that makes an object, or gives nil, message, code. What it raises points at the line
-- that called it.
local function maker(name, create, skipped, options)
    return function(...)
        local ok, object, message, code = pcall(create, ...)
        if not ok then
            error(explain(object, name, skipped or 0, options or {}), 2)
        elseif object then
            return object
        end
        return nil, message, code
    end
end

-- What scripts call to make an object of a class, with its functions that need none. create gets what
-- was called first, as there is no call between that would hide the caller's line.
local function constructor(name, create, functions, options)
    tryst[name] = setmetatable(functions or {}, {
        __call = maker(name, create, 0, options),
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
    local text, compare = take(methods, "_text"), take(methods, "_compare")
    local classify = take(methods, "_classify")
    meta[".get"].class = function(self)
        return raw.address_class_name(classify(self))
    end
    meta.__tostring = text
    meta.__concat = function(one, other)
        return tostring(one) .. tostring(other)
    end
    meta.__eq = function(one, other)
        return getmetatable(one) == getmetatable(other) and compare(one, other) == 0
    end
    local function order(one, other)
        if getmetatable(one) ~= getmetatable(other) then
            error("an Address is less or more than an Address only", 3)
        end
        return compare(one, other)
    end
    meta.__lt = function(one, other)
        return order(one, other) < 0
    end
    meta.__le = function(one, other)
        return order(one, other) <= 0
    end
    local new = constructors.Address
    constructor("Address", function(_, text, port)
        if port == nil then
            return new(text)
        end
        return new(text, port)
    end)
end

-- Pin ------------------------------------------------------------------------------------------

do
    local meta, methods = class("Pin")
    local text = take(methods, "_text")
    meta.__tostring = text
    meta.__eq = function(one, other)
        return getmetatable(one) == getmetatable(other) and text(one) == text(other)
    end
    local new = constructors.Pin
    constructor("Pin", function(_, text)
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
    constructor("Identity", function(_, seed)
        return new(seed)
    end, {
        load = maker("load", function(path)
            if path == nil then
                error("bad argument #2 to 'new' (a string is expected)", 0)
            end
            return new(nil, path)
        end, 1),
    })
end

-- PolicyRequest: made by the server, or in a test of the bytes that one was.
do
    class("PolicyRequest")
    local new = constructors.PolicyRequest
    constructor("PolicyRequest", function(_, data)
        return new(data)
    end)
end

-- Client and Endpoint --------------------------------------------------------------------------

-- What the rows say: the options of a class in the order in which its raw constructor takes them; the
-- one with a mark must be given.
local function rows(text)
    local options = {}
    for name, mark, kind in text:gmatch("([%w_]+)(!?): (%w+)") do
        options[#options + 1] = { name = name, has_default = kind == "number" and mark == "" }
        options[name] = kind
    end
    return options
end

-- The values of a script's options in that order; one that is unknown is an error. A number that is
-- left out is 0, the default.
local function in_order(options, given)
    if given == nil then
        given = {}
    elseif type(given) ~= "table" then
        error("options are expected in a table, not as a " .. type(given), 0)
    end
    for name, value in pairs(given) do
        local kind = type(name) == "string" and options[name]
        if not kind then
            error("there is no option '" .. tostring(name) .. "'", 0)
        elseif type(value) ~= kind then
            error("option '" .. name .. "' is a " .. kind .. ", not a " .. type(value), 0)
        end
    end
    local values = {}
    for i = 1, #options do
        local value = given[options[i].name]
        if value == nil and options[i].has_default then
            value = 0
        end
        values[i] = value
    end
    return values
end

-- A class that takes a pin and options.
local function constructor_with(name, options)
    local new = constructors[name]
    constructor(name, function(_, server, given)
        return new(server, unpack(in_order(options, given), 1, #options))
    end, nil, options)
end

do
    local _, methods = class("Client")
    local closed, poll, run, clock = methods.closed, methods.poll, methods.run, raw.clock

    -- Events as they come, for so many seconds in all; without a number those that are there.
    -- An iterator that ended in silence would hide a failure: it raises.
    function methods.events(self, timeout)
        if not pcall(closed, self) then
            error("calling 'events' on a bad object (Client expected, got " .. type(self) .. ")", 2)
        end
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

    constructor_with("Client", rows([[
        identity: userdata, app: string, keepalive_ms: number, path_ms: number, peer_ms: number,
        punch_ms: number, rekey_s: number, port: number, trace: boolean, no_ipv4: boolean,
        no_ipv6: boolean, tcp_port: number, tls_port: number, relay: string,
        port_mapping: string, spray: string, sockets: number ]]))
end

class("Endpoint")
constructor_with("Endpoint", rows([[
    identity: userdata, seed: string, now_us!: number, unix_ms: number, app: string,
    keepalive_ms: number, path_ms: number, peer_ms: number, punch_ms: number, rekey_s: number,
    trace: boolean, relay: string, spray: string ]]))

return tryst
