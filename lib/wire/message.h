/* Every message of tryst/1 as a struct, and the one table of their fields, sizes and senders.
 * docs/PROTOCOL.md says the same in prose; a change is made in both.
 * SPDX-License-Identifier: MIT */
#ifndef TR_MESSAGE_H
#define TR_MESSAGE_H

#include "lib/wire/layout.h"
#include <tryst/address.h>
#include <tryst/event.h>
#include <tryst/nat.h>

enum {
    TR_VERSION = 1,
    TR_DATAGRAM_BYTES = 1200, /* largest datagram; BIND and REGISTER are always this long, so that
                                 no answer to an unproven address is larger than its request */
    TR_SESSION_BYTES = 16,
    TR_APP_BYTES = 8,
    TR_CHANNEL_BYTES = 8,
    TR_PING_BYTES = 8,
    TR_KEY_ID_BYTES = 4,
    TR_CANDIDATES_MAX = 8,  /* addresses of one participant */
    TR_PROVEN_MAX = 2,      /* extra own addresses with a cookie each, in one REGISTER */
    TR_USER_DATA_MAX = 128, /* bytes a participant shows to the others */
    TR_TOKEN_MAX = 200,     /* reserved: join token */
    TR_DETAIL_MAX = 63,     /* bytes of words in a refusal */
    TR_PARTICIPANTS_MAX = 256,
    TR_MESSAGE_MAX = 1150, /* bytes of one application message */
    TR_ROUTE_BYTES = 6,    /* what names a participant in RELAY */
    TR_MAGIC = 0x31595254, /* "TRY1" on the wire */
};

/* X(name, first byte, senders, least bytes, most bytes). Senders: C client, S server, P peer. */
#define TR_FRAMES(X)                                                                               \
    X(BIND, 0x04, TR_FROM_CLIENT, 1200, 1200)                                                      \
    X(COOKIE, 0x05, TR_FROM_SERVER, 248, 248)                                                      \
    X(REGISTER, 0x06, TR_FROM_CLIENT, 1200, 1200)                                                  \
    X(REGISTERED, 0x07, TR_FROM_SERVER, 215, 1200)                                                 \
    X(REFUSED, 0x08, TR_FROM_SERVER, 56, 128)                                                      \
    X(CTRL, 0x09, TR_FROM_CLIENT | TR_FROM_SERVER, 30, 1200)                                       \
    X(HELLO, 0x0A, TR_FROM_PEER, 264, 404)                                                         \
    X(DATA, 0x0B, TR_FROM_PEER, 26, 1200)                                                          \
    X(RELAY, 0x0C, TR_FROM_CLIENT | TR_FROM_SERVER, 47, 1200)                                      \
    X(UNKNOWN, 0x0E, TR_FROM_SERVER, 16, 16)

enum { TR_FROM_CLIENT = 1, TR_FROM_SERVER = 2, TR_FROM_PEER = 4 };

enum tr_frame {
    TR_REDIRECT = 0x0D, /* reserved */
#define TR_FRAME_ROW(name, byte, senders, least, most) TR_##name = (byte),
    TR_FRAMES(TR_FRAME_ROW)
#undef TR_FRAME_ROW
};

/* An address and what it is: enum tryst_kind. */
struct tr_candidate {
    struct tryst_address address;
    uint8_t kind;
};

/* What a participant knows of the NAT that it is behind. */
struct tr_nat {
    uint8_t mapping;   /* enum tryst_mapping */
    uint8_t filtering; /* enum tryst_filtering */
    uint8_t ports;     /* enum tryst_port_pattern */
    uint8_t flags;     /* TR_NAT_* */
    uint16_t stride;   /* SEQUENTIAL: from one mapping to the next, two's complement */
    uint16_t low;      /* RANDOM: the block that ports come from */
    uint16_t high;
    uint16_t last; /* the newest public port that was seen */
};

enum {
    TR_NAT_SPRAY = 1,   /* takes part in a spray, from sockets of its own */
    TR_NAT_MAPPED = 4,  /* a port of it leads in, whoever knocks: one of the addresses says which */
    TR_NAT_HAIRPIN = 2, /* leads back in what is sent to its public address from inside */
};

struct tr_cookie {
    uint32_t time_s; /* the server's seconds */
    uint8_t mac[16];
};

struct tr_certificate {
    uint8_t version;
    uint8_t reserved[3];
    uint8_t key_id[TR_KEY_ID_BYTES];
    uint64_t not_before_s; /* unix */
    uint64_t not_after_s;
    uint8_t sign_key[32];
    uint8_t kx_key[32];
    uint8_t signature[64]; /* by the root, over all before it */
};

/* Where a cookie shall come from, to learn how the NAT filters (RFC 5780, 7.2: CHANGE-REQUEST), and after
 * how many seconds, to learn how long it remembers. */
enum { TR_BIND_OTHER_PORT = 1, TR_BIND_OTHER_ADDRESS = 2, TR_BIND_DELAY_SHIFT = 8 };

struct tr_bind {
    uint8_t type;
    uint8_t version;
    uint16_t flags; /* TR_BIND_*: a server that has no such is silent; others are ignored */
    uint32_t magic;
    uint8_t app[TR_APP_BYTES];
    uint8_t nonce[16];
    struct tr_cookie cookie; /* of this very source, where a delay is asked for; else zeros */
};

struct tr_cookie_reply {
    uint8_t type;
    uint8_t version;
    uint16_t
        other_port; /* of the server, on each of its addresses, where BIND is answered too; 0: none */
    uint32_t magic;
    uint8_t nonce[16];
    struct tr_cookie cookie;
    struct tr_candidate seen; /* ip and port xored with the nonce, as in STUN (RFC 8489, 14.2) */
    uint64_t server_ms;       /* unix milliseconds */
    uint32_t versions;        /* bit n: the server speaks version n */
    struct tr_certificate certificate;
    struct tr_candidate other; /* the server at another ip of the same family; family 0: none */
};

/* What a participant says it does, in its record. */
#define TR_CAP_RELAY (UINT32_C(1) << 0)      /* takes and sends RELAY */
#define TR_CAP_RELAY_ONLY (UINT32_C(1) << 1) /* and nothing else: peers do not punch to it */

struct tr_record {
    uint8_t version;
    uint8_t flags;
    uint16_t reserved;
    uint32_t versions;
    uint32_t caps;  /* TR_CAP_* */
    uint64_t epoch; /* grows with every join of this identity */
    uint8_t session[TR_SESSION_BYTES];
    uint8_t identity[32];
    uint8_t ge[32];
    uint8_t signature[64]; /* by the identity, over all before it */
};

struct tr_register {
    uint8_t type;
    uint8_t version;
    uint16_t flags;
    uint32_t magic;
    uint8_t app[TR_APP_BYTES];
    struct tr_cookie cookie;
    uint8_t key_id[TR_KEY_ID_BYTES];
    uint8_t ge[32];
    uint8_t nonce[24];
};

struct tr_proven {
    struct tr_candidate candidate;
    struct tr_cookie cookie;
};

struct tr_register_body {
    struct tr_record record;
    uint32_t sequence;        /* of this epoch's REGISTERs */
    struct tr_candidate seen; /* own address as the cookie told it */
    uint16_t rtt_ms;          /* to the server, as the cookie measured it; 0 unknown */
    struct tr_nat nat;
    uint8_t local_count;
    struct tr_candidate local[TR_CANDIDATES_MAX];
    uint8_t proven_count;
    struct tr_proven proven[TR_PROVEN_MAX];
    uint64_t roster_fence;   /* of the roster that is known */
    uint64_t roster_version; /* 0: none */
    uint16_t token_size;
    uint8_t token[TR_TOKEN_MAX]; /* reserved */
    uint16_t invite_size;
    uint8_t invite[32]; /* reserved: salt and locator of an invite */
    uint16_t user_data_size;
    uint8_t user_data[TR_USER_DATA_MAX];
    uint16_t app_data_size;
    uint8_t app_data[TR_USER_DATA_MAX]; /* reserved: for the policy hook alone */
    uint8_t signature[64];              /* by the identity: domain, node key, head, all before it */
};

struct tr_registered {
    uint8_t type;
    uint8_t version;
    uint16_t flags;
    uint8_t tag[4]; /* the first bytes of the REGISTER's hash: which one is answered */
    uint32_t reply; /* counts the answers to it: part of the nonce */
    uint8_t ges[32];
};

/* One page of the roster: all changes in (from, to]. */
struct tr_page {
    uint64_t from;
    uint64_t to;
    uint64_t goal; /* the session's version when this was sent */
    uint8_t reset; /* 1: starts anew; who is not named by the time goal is reached is gone */
};

enum { TR_REGISTERED_OUTCOMES = 1 }; /* the server counts outcomes: tell it yours */

struct tr_registered_body {
    uint16_t status; /* 0 */
    uint16_t slot;
    uint32_t flags; /* TR_REGISTERED_*: others are ignored */
    uint64_t server_ms;
    struct tr_candidate seen;
    uint32_t keepalive_ms;
    uint32_t expire_ms;
    uint16_t participants_max;
    uint16_t relay_kbps; /* kilobits a second that are relayed for it; 0: there is no relay */
    uint8_t channel[TR_CHANNEL_BYTES];
    uint64_t fence; /* names this life of the roster: versions of two fences do not compare */
    uint8_t signature[64]; /* by the node, over the REGISTER's hash and ges */
    uint16_t data_size;
    uint8_t data[TR_USER_DATA_MAX]; /* by the operator's rules, for the participant alone */
    struct tr_page page;
};

struct tr_refused {
    uint8_t type;
    uint8_t version;
    uint16_t flags;
    uint8_t tag[4];
    uint8_t nonce[24];
};

struct tr_refused_body {
    uint16_t reason; /* enum tryst_reason */
    uint32_t retry_ms;
    uint16_t detail_size;
    uint8_t detail[TR_DETAIL_MAX];
};

struct tr_ctrl {
    uint8_t type;
    uint8_t channel[TR_CHANNEL_BYTES];
    uint32_t counter;
};

struct tr_hello {
    uint8_t type;
    uint8_t version;
    uint16_t flags;
    uint8_t id[8];
    uint8_t nonce[24];
};

enum tr_hello_state { TR_HELLO_NEW = 0, TR_HELLO_ACCEPTED = 1, TR_HELLO_CONFIRMED = 2 };

enum {
    TR_HELLO_SEARCH = 1, /* send hellos to what you know of me now: mine are on their way */
    TR_HELLO_MOVED = 2,  /* my addresses changed: doubt the paths to me */
    TR_HELLO_SPRAY = 4,  /* I try many ports now: so do you */
};

struct tr_hello_body {
    uint32_t sequence; /* grows with every signature */
    uint8_t state;     /* enum tr_hello_state */
    uint16_t flags;    /* TR_HELLO_SEARCH, TR_HELLO_MOVED; others are ignored */
    uint8_t gf[32];
    uint8_t echo[32];            /* the peer's gf, zeros when none was seen */
    uint32_t index;              /* where DATA is to be sent to: the receive index */
    uint8_t ping[TR_PING_BYTES]; /* zeros: no answer is asked for */
    uint8_t pong[TR_PING_BYTES]; /* zeros: answers nothing */
    struct tr_candidate to;      /* the address this was sent to */
    struct tr_candidate seen;    /* the sender's public address, as the server told it */
    uint64_t roster_version;
    uint64_t roster_fence;
    uint8_t signature[64];
    uint8_t local_count;
    struct tr_candidate local[TR_CANDIDATES_MAX - 1]; /* the sender's local addresses */
};

struct tr_data {
    uint8_t type;
    uint32_t index;
    uint32_t counter; /* 31 bits, and TR_DATA_SINGLE */
};

/* The body is one message and nothing else, without an item's head. So one of 64 bytes, a common
 * size in games, is one block of ChaCha20. */
#define TR_DATA_SINGLE (UINT32_C(1) << 31)

/* A HELLO or DATA follows, to its end. To the server: the sender's own route, and the slot whom it is
 * for; from the server: the receiver's own route, and the slot whom it is from. */
struct tr_relay {
    uint8_t type;
    uint8_t route[TR_ROUTE_BYTES];
    uint16_t slot;
    uint32_t counter; /* of this leg in this direction, from 1 */
    uint8_t tag[8];
};

struct tr_unknown {
    uint8_t type;
    uint8_t version;
    uint16_t flags;
    uint8_t channel[TR_CHANNEL_BYTES];
    uint32_t reserved;
};

/* What stands inside CTRL and DATA: an item is a byte of type, a 16-bit length and its content. With
 * TR_ITEM_LAST set in the type the length is left out: the content reaches to the end. */
enum tr_item {
    TR_ITEM_PADDING = 0x00,
    TR_ITEM_MESSAGE = 0x01, /* DATA */
    TR_ITEM_PING = 0x02,    /* both: tr_item_ping */
    TR_ITEM_PONG = 0x03,    /* both: tr_item_pong */
    TR_ITEM_LEAVE = 0x04,   /* both: tr_item_leave */
    TR_ITEM_ACK = 0x05,     /* CTRL, client: tr_item_ack */
    TR_ITEM_ROSTER = 0x06,  /* CTRL, server: tr_page, then entries to its end */
    TR_ITEM_RELAY = 0x07,   /* CTRL, server: tr_item_relay */
    TR_ITEM_OUTCOME = 0x08, /* CTRL, client: tr_item_outcome */
    TR_ITEM_LAST = 0x80,
};

struct tr_item_ping {
    uint8_t ping[TR_PING_BYTES];
};

struct tr_item_pong {
    uint8_t pong[TR_PING_BYTES];
    struct tr_candidate seen; /* where the ping came from */
};

/* What a peer's ping says beyond the server's. */
struct tr_item_mark {
    uint16_t sent; /* DATA that left on this path so far, modulo 65,536 */
};

/* What its pong says: of that path, and of the datagram that brought the ping. */
struct tr_item_report {
    uint16_t sent;     /* the ping's */
    uint16_t received; /* DATA that came over it so far, modulo 65,536 */
    uint16_t size;     /* of the datagram, in bytes */
    uint16_t quiet;    /* tenths of a second before it, in which nothing left on that path */
};

/* What the server's pong says. */
struct tr_item_status {
    uint64_t fence;
    uint64_t version;
    uint8_t hash[16]; /* of the roster at that version, without the asker */
};

struct tr_item_leave {
    uint16_t reason; /* enum tryst_reason */
};

struct tr_item_ack {
    uint64_t fence;
    uint64_t version; /* all changes up to it are known */
};

/* What the server says of the relay between two participants, to each of them. */
struct tr_item_relay {
    uint16_t slot;   /* the other's */
    uint64_t epoch;  /* the other's */
    uint16_t reason; /* enum tryst_reason why it is refused; 0: it is granted */
    uint32_t kbps;   /* granted: at most so much from here to there */
};

/* How a pair came out, as one of it says, for the operator's statistics. */
struct tr_item_outcome {
    uint16_t slot;    /* the other's */
    uint64_t epoch;   /* the other's */
    uint8_t path;     /* enum tryst_path_type; NONE: unreachable */
    uint8_t kind;     /* enum tryst_kind of the path */
    uint16_t took_ms; /* from the peer's being known to that path; 65,535: as long or longer */
};

/* An entry of the roster. */
enum tr_entry_kind { TR_ENTRY_MEMBER = 1, TR_ENTRY_GONE = 2 };

struct tr_member {
    uint16_t slot;
    struct tr_record record;
    struct tr_nat nat; /* zeros where the rules hide its addresses */
    uint8_t candidate_count;
    struct tr_candidate candidates[TR_CANDIDATES_MAX];
    uint16_t user_data_size;
    uint8_t user_data[TR_USER_DATA_MAX];
};

struct tr_gone {
    uint8_t identity[32];
    uint64_t epoch;
    uint16_t reason;
};

/* clang-format off */
#define TR_LAYOUTS(X)                                                                              \
    X(address) X(nat) X(cookie) X(certificate) X(bind) X(cookie_reply) X(record) X(register) X(proven)    \
    X(register_body) X(registered) X(page) X(registered_body) X(refused) X(refused_body) X(ctrl)   \
    X(hello) X(hello_body) X(data) X(relay) X(unknown) X(item_ping) X(item_pong) X(item_mark)      \
    X(item_report) X(item_status) X(item_leave) X(item_ack) X(item_relay) X(item_outcome) X(member) X(gone)

/* clang-format on */
#define TR_LAYOUT_DECLARE(name) extern const struct tr_layout tr_layout_##name;
TR_LAYOUTS(TR_LAYOUT_DECLARE)
#undef TR_LAYOUT_DECLARE

/* Why a datagram is dropped; every room counts with these. */
enum tr_drop {
    TR_DROP_NONE,
    TR_DROP_SHORT,
    TR_DROP_UNKNOWN,
    TR_DROP_VERSION,
    TR_DROP_COOKIE,
    TR_DROP_SEAL,
    TR_DROP_SIGNATURE,
    TR_DROP_REPLAY,
    TR_DROP_MALFORMED,
    TR_DROP_LIMIT,
    TR_DROP_COUNT,
};

struct tr_frame_rule {
    const char *name;
    uint8_t type;
    uint8_t senders;
    uint16_t least;
    uint16_t most;
};

/* The row of a first byte; NULL when it is no frame of this protocol. */
const struct tr_frame_rule *tr_frame_rule(uint8_t type);

#endif
