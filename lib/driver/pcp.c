/* PCP's MAP request and its answer. What a router says is believed no further than it fits the request.
 * SPDX-License-Identifier: MIT */
#include "lib/driver/pcp.h"

#include <string.h>

/*   0        1        2        3
 *  +--------+--------+-----------------+
 *  | ver 2  |R opcode| reserved, result|   request and answer, section 7.1 and 7.2
 *  +--------+--------+-----------------+
 *  | lifetime                          |
 *  +-----------------------------------+
 *  | client's address (request)        |   16 bytes; an answer: epoch 4, reserved 12
 *  +-----------------------------------+
 *  | nonce                             |   12 bytes; MAP's part, section 11.1
 *  +--------+--------------------------+
 *  |protocol| reserved                 |
 *  +--------+--------+-----------------+
 *  | internal port   | external port   |
 *  +-----------------+-----------------+
 *  | external address                  |   16 bytes
 *  +-----------------------------------+ */
enum {
    VERSION = 2,
    OPCODE_MAP = 1,
    IS_ANSWER = 0x80,
    PROTOCOL_UDP = 17,
    AT_RESULT = 3,
    AT_LIFETIME = 4,
    AT_CLIENT = 8,
    AT_NONCE = 24,
    AT_PROTOCOL = 36,
    AT_PORT = 40,
    AT_EXTERNAL_PORT = 42,
    AT_EXTERNAL = 44,
    NATPMP_LEAST = 8, /* RFC 6886, 3.5: what a NAT-PMP router answers to another version */
};

static void put_u16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static void put_u32(uint8_t *p, uint32_t v)
{
    put_u16(p, (uint16_t)(v >> 16));
    put_u16(p + 2, (uint16_t)v);
}

static uint16_t get_u16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t get_u32(const uint8_t *p)
{
    return (uint32_t)get_u16(p) << 16 | get_u16(p + 2);
}

/* Section 5: "All addresses are 128 bits; IPv4 addresses are IPv4-mapped." */
static void put_ip(uint8_t *p, const struct tryst_address *address)
{
    memset(p, 0, 10);
    p[10] = p[11] = 0xff;
    memcpy(p + 12, address->ip, 4);
}

void tr_pcp_write(const struct tr_pcp_map *map, uint8_t data[TR_PCP_MAP_BYTES])
{
    memset(data, 0, TR_PCP_MAP_BYTES);
    data[0] = VERSION;
    data[1] = OPCODE_MAP;
    put_u32(data + AT_LIFETIME, map->lifetime_s);
    put_ip(data + AT_CLIENT, &map->client);
    memcpy(data + AT_NONCE, map->nonce, TR_PCP_NONCE_BYTES);
    data[AT_PROTOCOL] = PROTOCOL_UDP;
    put_u16(data + AT_PORT, map->client.port);
    put_u16(data + AT_EXTERNAL_PORT, map->external.port);
    put_ip(data + AT_EXTERNAL, &map->external); /* zeros where none is wished for */
}

enum tr_pcp_word tr_pcp_read(const struct tr_pcp_map *map, const void *data, size_t size,
                             struct tr_pcp_answer *answer)
{
    const uint8_t *bytes = data;
    *answer = (struct tr_pcp_answer){0};
    if (size < NATPMP_LEAST || size > TR_PCP_MAX || (bytes[1] & IS_ANSWER) == 0)
        return TR_PCP_FOREIGN;
    /* Section 9: the server "MUST send an UNSUPP_VERSION error with the version it speaks". */
    if (bytes[0] != VERSION)
        return TR_PCP_OTHER_VERSION;
    answer->result = bytes[AT_RESULT];
    if (answer->result == TR_PCP_UNSUPP_VERSION && bytes[1] == (IS_ANSWER | OPCODE_MAP))
        return TR_PCP_OTHER_VERSION;
    /* Section 8.3: length a multiple of 4; section 11.4: nonce, protocol and port are compared. */
    if (size < TR_PCP_MAP_BYTES || size % 4 != 0 || bytes[1] != (IS_ANSWER | OPCODE_MAP) ||
        memcmp(bytes + AT_NONCE, map->nonce, TR_PCP_NONCE_BYTES) != 0 ||
        bytes[AT_PROTOCOL] != PROTOCOL_UDP || get_u16(bytes + AT_PORT) != map->client.port)
        return TR_PCP_FOREIGN;
    answer->lifetime_s = get_u32(bytes + AT_LIFETIME);
    if (answer->result != 0)
        return TR_PCP_REFUSED;
    struct tryst_address external = {.family = 6, .port = get_u16(bytes + AT_EXTERNAL_PORT)};
    memcpy(external.ip, bytes + AT_EXTERNAL, sizeof(external.ip));
    answer->external = tryst_address_canonical(&external);
    return TR_PCP_GRANTED;
}
