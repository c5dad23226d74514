/* Heads and keys of RELAY.
 * SPDX-License-Identifier: MIT */
#include "lib/wire/detour.h"

#include "lib/base/bytes.h"
#include <string.h>

enum { TAG_AT = 13, TAG_BYTES = TR_RELAY_HEAD - TAG_AT };

void tr_relay_derive(struct tr_relay_keys *keys, const uint8_t shared[TR_KEY],
                     const uint8_t ge[TR_KEY])
{
    uint8_t route[16];

    tr_seal_hash(keys->secret, TR_KEY, "tryst1 relay", shared, TR_KEY, ge, TR_KEY);
    tr_seal_subkey(route, sizeof route, 1, "trystrly", keys->secret);
    memcpy(keys->route, route, TR_ROUTE_BYTES);
}

void tr_relay_derive_leg(struct tr_relay_leg *leg, const uint8_t secret[TR_KEY],
                         const uint8_t identity[TR_KEY], uint64_t epoch)
{
    uint8_t in[TR_KEY + 8];
    uint8_t out[2 * TR_MAC_KEY];

    memcpy(in, identity, TR_KEY);
    tr_put_u64(in + TR_KEY, epoch);
    tr_seal_hash(out, sizeof out, "tryst1 leg", secret, TR_KEY, in, sizeof in);
    memcpy(leg->to_server, out, TR_MAC_KEY);
    memcpy(leg->to_client, out + TR_MAC_KEY, TR_MAC_KEY);
    tr_seal_wipe(out, sizeof out);
}

/* Over the head before it and the length: a datagram of the leg's own, once. What it carries is sealed
 * from end to end, so whoever changes that on its way only loses it. */
static void tag_make(uint8_t tag[TR_MAC], const uint8_t *datagram, size_t size,
                     const uint8_t key[TR_MAC_KEY])
{
    uint8_t in[TAG_AT + 2];

    memcpy(in, datagram, TAG_AT);
    tr_put_u16(in + TAG_AT, (uint16_t)size);
    tr_seal_mac(tag, in, sizeof in, key);
}

void tr_relay_seal(uint8_t *datagram, size_t size, const struct tr_relay *head,
                   const uint8_t key[TR_MAC_KEY])
{
    struct tr_writer writer;
    uint8_t tag[TR_MAC];

    tr_writer_init(&writer, datagram, TR_RELAY_HEAD);
    tr_layout_encode(&tr_layout_relay, head, &writer);
    tag_make(tag, datagram, size, key);
    memcpy(datagram + TAG_AT, tag, TAG_BYTES);
}

bool tr_relay_check(const void *datagram, size_t size, const uint8_t key[TR_MAC_KEY])
{
    uint8_t tag[TR_MAC];

    tag_make(tag, datagram, size, key);
    return tr_seal_equal(tag, (const uint8_t *)datagram + TAG_AT, TAG_BYTES);
}
