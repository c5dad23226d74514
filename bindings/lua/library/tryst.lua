---@meta tryst
-- What `require "tryst"` gives, for the Lua language server: completion, types and help in editors. Add
-- the folder of this file to the setting Lua.workspace.library.
-- SPDX-License-Identifier: MIT

-- What fails at run time is nil, a text for people, and one of the codes E_...; what is called wrongly
-- raises an error.

---@class tryst
---@field _VERSION string "tryst 0.1.0"
---@field PORT integer where trystd listens when nothing else is said
---@field KEY_SIZE integer bytes of a public key or of an identity's seed
---@field SEED_SIZE integer bytes of an endpoint's seed
---@field DATAGRAM_MAX integer bytes of any datagram
---@field MESSAGE_MAX integer bytes of one message
---@field USER_DATA_MAX integer bytes that a participant shows to the others
---@field SESSION_NAME_MAX integer bytes of a session's name
---@field LOCAL_MAX integer local addresses that are used
---@field SERVER_MAX integer addresses of the server that are used
---@field E_ARGUMENT integer an argument is missing or out of range
---@field E_MEMORY integer no memory left
---@field E_STATE integer this cannot be done in the present state
---@field E_CLOSED integer the object is closed
---@field E_TIMEOUT integer the time ran out
---@field E_INTERRUPTED integer the wait was interrupted
---@field E_SIZE integer the data is too large or the buffer too small
---@field E_FULL integer a queue or table is full; try again later
---@field E_PEER integer there is no such peer
---@field E_NOT_CONNECTED integer there is no path to this peer yet
---@field E_FORMAT integer the text is not in the expected form
---@field E_FILE integer the file cannot be read or written
---@field E_PERMISSION integer permission denied
---@field E_NETWORK integer the operating system refused a network operation
---@field E_RESOLVE integer the host name cannot be resolved
---@field E_CRYPTO integer the cryptographic library cannot be started
---@field Identity tryst.IdentityClass
local tryst = {}

-- Words ----------------------------------------------------------------------------------------

---@alias tryst.EventType
---| "registered" # address, rtt_us: the server took the join; this is the own public address
---| "joined" # peer, key, data: a participant is there, and what it shows
---| "connected" # peer, path, kind, address, local_address, rtt_us: there is a path to it
---| "path" # the same: the path changed
---| "unreachable" # peer, stage, reason: no path works; the search goes on
---| "left" # peer, key, reason: a participant is gone
---| "message" # peer, data
---| "refused" # reason, text, retry_ms: the server said no
---| "server-lost" # stage, reason: the server is silent; peers stay connected
---| "server-back" # address: it answers again
---| "cookie" # address: a join is one round trip now
---| "hello" # peer, address: its first hello came in (option trace)
---| "punch" # peer, address: the first hello went out (option trace)
---| "relayed" # peer, stage, reason: there is no direct path; the search goes on

---@alias tryst.PathType "direct"|"relay"

---@alias tryst.Kind
---| "host" # a local address of the participant
---| "public" # the address that the server saw
---| "ipv6" # a global IPv6 address
---| "mapped" # a port the router was asked for
---| "observed" # nobody named it; an authenticated hello came from it

---@alias tryst.Stage
---| "resolve" # the server's name
---| "cookie" # the first question to the server
---| "register" # the join and its answer
---| "roster" # what the server said of a participant
---| "punch" # hellos out, none or some in
---| "path" # a path that had worked
---| "server" # the channel to the server

---@alias tryst.Reason
---| "leave" # left by itself
---| "expired" # nothing was heard from it for too long
---| "shutdown" # the server is shutting down
---| "replaced" # the same identity joined again from elsewhere
---| "session-full"
---| "server-full"
---| "too-many-sessions" # this identity is in too many sessions
---| "denied" # the server's rules say no
---| "version" # the server speaks another version of the protocol
---| "malformed" # the server could not read the registration
---| "rate" # too many registrations; wait
---| "kicked" # the server removed the participant
---| "silent" # nothing came back
---| "one-way" # hellos come in, but no answer to ours
---| "no-candidate" # no usable address is known
---| "bad-record" # its record is not signed by its identity
---| "bad-certificate" # the server's certificate is not signed by the pinned key
---| "stale-certificate" # the server's certificate has expired or is not valid yet
---| "no-name" # the server's name cannot be resolved
---| "bad-signature" # the server's answer is not signed by its node key
---| "trying" # it is still being tried
---| "both-random" # both NATs take a new port for each destination, of too many to guess
---| "random-filtered" # one NAT takes new ports, and the other lets in none unknown
---| "spray-denied" # it would take many ports at once, which an option forbids
---| "spray-vain" # many ports were tried at once, in vain
---| "no-udp" # no UDP passes on one side
---| "relay-only" # an option of one side allows the way by the server alone
---| "hidden" # the server's rules hide the addresses
---| "no-family" # one side has IPv4 alone, the other IPv6 alone
---| "no-hairpin" # both are behind one NAT, which leads nothing back in
---| "relay-denied" # an option forbids the way by the server
---| "no-relay" # the server relays nothing
---| "relay-refused" # the server does not relay between these two

---@alias tryst.AddressClass
---| "none"|"public"|"private"|"carrier"|"link-local"|"loopback"
---| "multicast"|"broadcast"|"unspecified"|"metadata"|"reserved"

---@alias tryst.Hook
---| "on_register"|"on_session_open"|"on_join"|"on_leave"|"on_session_close"|"on_tick"|"on_relay"

-- Client ---------------------------------------------------------------------------------------

---A player: the sockets for the server and every peer, a clock, name resolution.
---@class tryst.Client
local Client = {}

---@param server string "HOST:PORT#KEY", the line that trystd prints
---@param options? tryst.ClientOptions
---@return tryst.Client? client
---@return string? message
---@return integer? code
function tryst.Client(server, options) end

---Joins a session; the answer is an event: "registered", "refused" or "server-lost".
---@param session string its name
---@param data? string what the other participants are shown
---@return true? ok
---@return string? message
---@return integer? code
function Client:join(session, data) end

---Leaves the session and forgets its participants.
---@return true? ok
---@return string? message
---@return integer? code
function Client:leave() end

---Sends one message: encrypted, at most once, unordered, not repeated.
---@param peer integer from an event
---@param data string
---@return true? ok
---@return string? message
---@return integer? code
function Client:send(peer, data) end

---The next event, or nil. Does not look at the sockets: run does.
---@return tryst.Event? event
---@return string? message
---@return integer? code
function Client:poll() end

---Sends, receives and waits until there is an event (true) or the time is over (false).
---@param timeout? number seconds; nil is for ever
---@return boolean? is_there
---@return string? message
---@return integer? code
function Client:run(timeout) end

---`for event in client:events() do`: the events of one turn; with a timeout, those of so many seconds in
---all, math.huge for ever. Raises what fails.
---@param timeout? number seconds
---@return fun(): tryst.Event?
function Client:events(timeout) end

---Puts everything that is queued on the wire now.
---@return true? ok
---@return string? message
---@return integer? code
function Client:flush() end

---A descriptor that turns readable when run(0) has work. It stays the client's.
---@return integer? descriptor
---@return string? message
---@return integer? code
function Client:fileno() end

---Seconds that a loop of one's own may wait before it calls run(0); nil for no limit.
---@return number? seconds
function Client:timeout() end

---The local addresses in use, best first.
---@return tryst.Address[]? addresses
---@return string? message
---@return integer? code
function Client:local_addresses() end

---@return tryst.Stats? stats
---@return string? message
---@return integer? code
function Client:stats() end

---Why a peer is connected as it is: cause, NATs, what was tried, and a sentence for people.
---@param peer integer
---@return tryst.Why? why
---@return string? message
---@return integer? code
function Client:why(peer) end

---The figures of the paths to a peer, the one in use first.
---@param peer integer
---@return tryst.PathStats[]? paths
---@return string? message
---@return integer? code
function Client:paths(peer) end

---What is known of the own NAT.
---@return tryst.Survey? survey
---@return string? message
---@return integer? code
function Client:survey() end

---The port that the home router was asked for.
---@return tryst.Portmap? portmap
---@return string? message
---@return integer? code
function Client:portmap() end

---The public key that this client is known by.
---@return string? key
---@return string? message
---@return integer? code
function Client:public_key() end

---@return boolean
function Client:closed() end

---Leaves and frees the sockets. May be called at any time, and again; `<close>` calls it.
function Client:close() end

-- Endpoint -------------------------------------------------------------------------------------

---The core without sockets, clock or randomness, for programs that own their socket.
---@class tryst.Endpoint
local Endpoint = {}

---@param server string "HOST:PORT#KEY"; only the key is used
---@param options tryst.EndpointOptions
---@return tryst.Endpoint? endpoint
---@return string? message
---@return integer? code
function tryst.Endpoint(server, options) end

---Says where the server is: all addresses its name has.
---@param now_us integer
---@param addresses (tryst.Address|string)[]
---@return true? ok
---@return string? message
---@return integer? code
function Endpoint:set_server(now_us, addresses) end

---Says which local addresses the socket can be reached at, best first.
---@param now_us integer
---@param addresses (tryst.Address|string)[]
---@return true? ok
---@return string? message
---@return integer? code
function Endpoint:set_local(now_us, addresses) end

---The local addresses in use, best first.
---@return tryst.Address[]? addresses
---@return string? message
---@return integer? code
function Endpoint:local_addresses() end

---Joins a session; the answer is an event: "registered", "refused" or "server-lost".
---@param now_us integer
---@param session string
---@param data? string
---@return true? ok
---@return string? message
---@return integer? code
function Endpoint:join(now_us, session, data) end

---Leaves the session: what output gives after it tells everyone.
---@param now_us integer
---@return true? ok
---@return string? message
---@return integer? code
function Endpoint:leave(now_us) end

---Sends one message: encrypted, at most once, unordered, not repeated.
---@param now_us integer
---@param peer integer from an event
---@param data string
---@return true? ok
---@return string? message
---@return integer? code
function Endpoint:send(now_us, peer, data) end

---Hands one received datagram in.
---@param now_us integer
---@param source tryst.Address|string who sent it
---@param data string
---@param to? tryst.Address|string the local address that it came to
---@return true? ok
---@return string? message
---@return integer? code
function Endpoint:input(now_us, source, data, to) end

---Does what is due.
---@param now_us integer
---@return true? ok
---@return string? message
---@return integer? code
function Endpoint:tick(now_us) end

---When tick is next wanted, on the clock of now_us; nil for never.
---@return integer? now_us
function Endpoint:deadline() end

---The next datagram to send, or nil.
---@param now_us integer
---@return tryst.Datagram? datagram
---@return string? message
---@return integer? code
function Endpoint:output(now_us) end

---The next event, or nil.
---@return tryst.Event? event
---@return string? message
---@return integer? code
function Endpoint:poll() end

---@return tryst.Stats? stats
---@return string? message
---@return integer? code
function Endpoint:stats() end

---Why a peer is connected as it is: cause, NATs, what was tried, and a sentence for people.
---@param peer integer
---@return tryst.Why? why
---@return string? message
---@return integer? code
function Endpoint:why(peer) end

---The figures of the paths to a peer, the one in use first.
---@param peer integer
---@return tryst.PathStats[]? paths
---@return string? message
---@return integer? code
function Endpoint:paths(peer) end

---What is known of the own NAT.
---@return tryst.Survey? survey
---@return string? message
---@return integer? code
function Endpoint:survey() end

---@return boolean
function Endpoint:closed() end

---Wipes and frees. Tells nobody: leave first, and send what output gives.
function Endpoint:close() end

-- Values ---------------------------------------------------------------------------------------

---An address and port by value. Compares with ==, < and <=; tostring and .. give its text.
---@class tryst.Address
---@field family integer 4 or 6; 0 is none
---@field ip string
---@field port integer
---@field scope integer interface index of a link-local address, else 0
---@field class tryst.AddressClass what it is good for
---@operator concat(string): string
local Address = {}

---@param text string "1.2.3.4:5", "[2001:db8::1]:5"; with a port, the IP alone
---@param port? integer
---@return tryst.Address? address
---@return string? message
---@return integer? code
function tryst.Address(text, port) end

---The one form that is compared and classed: IPv4-mapped becomes IPv4, and so on.
---@return tryst.Address
function Address:canonical() end

---Which server and which root key. tostring gives its text.
---@class tryst.Pin
---@field host string
---@field port integer
---@field key string 32 bytes
local Pin = {}

---@param text string "HOST:PORT#KEY"; ":PORT" may be left out
---@return tryst.Pin? pin
---@return string? message
---@return integer? code
function tryst.Pin(text) end

---Who a participant is. tostring gives its public key as text.
---@class tryst.Identity
local Identity = {}

---Writes the secret seed to a file that only its owner may read.
---@param path string
---@return true? ok
---@return string? message
---@return integer? code
function Identity:save(path) end

---@return string key 32 bytes
function Identity:public_key() end

---`tryst.Identity()` makes a new one, `tryst.Identity(seed)` the one of a secret seed of KEY_SIZE bytes.
---@class tryst.IdentityClass
---@overload fun(seed?: string): tryst.Identity?, string?, integer?
local IdentityClass = {}

---@param path string a file that save wrote
---@return tryst.Identity? identity
---@return string? message
---@return integer? code
function IdentityClass.load(path) end

---What a server's rules are asked: read-only, good until the hook returns.
---@class tryst.PolicyRequest
---@field hook tryst.Hook
---@field time number seconds since 1970
---@field reason tryst.Reason|"none" why a participant left
---@field app string id of the app, see app_id
---@field session string id of the session, see session_id
---@field participant string its public key, 32 bytes
---@field address? tryst.Address where it was seen
---@field local_addresses tryst.Address[] those that it names
---@field data string what it shows to the others
---@field participants tryst.Participant[] who is in the session
---@field counters table<string, integer> the server's, with on_tick
local PolicyRequest = {}

---@class tryst.Participant
---@field key string its public key, 32 bytes
---@field present_s number for how many seconds it is there

---@param data string a request as a server encoded it
---@return tryst.PolicyRequest? request
---@return string? message
---@return integer? code
function tryst.PolicyRequest(data) end

-- Functions ------------------------------------------------------------------------------------

---The version of the library, as "0.1.0".
---@return string
function tryst.version() end

---Monotonic seconds.
---@return number
function tryst.clock() end

---A public key of 32 bytes as 43 characters.
---@param key string
---@return string
function tryst.format_key(key) end

---@param text string
---@return string? key
---@return string? message
---@return integer? code
function tryst.parse_key(text) end

---What a PolicyRequest says instead of an app's name.
---@param app? string
---@return string? id
---@return string? message
---@return integer? code
function tryst.app_id(app) end

---What a PolicyRequest says instead of a session's name.
---@param app? string
---@param session string
---@return string? id
---@return string? message
---@return integer? code
function tryst.session_id(app, session) end

return tryst
