/* Cases of lib/driver/pcp, by the bytes of RFC 6887.
 * SPDX-License-Identifier: MIT */
#include "lib/driver/pcp.h"

#include "tests/unit/unit.h"
#include <string.h>

static struct tr_pcp_map map_of(void)
{
    struct tr_pcp_map map = {.lifetime_s = 1200};
    memset(map.nonce, 7, sizeof map.nonce);
    tryst_address_parse(&map.client, "10.0.0.2:5000");
    map.external.port = 5001;
    return map;
}

/* What a router answers to a request. */
static void answer_make(uint8_t data[TR_PCP_MAP_BYTES], const struct tr_pcp_map *map)
{
    static const uint8_t ip[16] = {[10] = 0xff, [11] = 0xff, [12] = 9, [15] = 1};
    tr_pcp_write(map, data);
    data[1] |= 0x80;
    memset(data + 8, 0, 16); /* epoch and reserved, in place of the client's address */
    data[42] = 0x20;
    data[43] = 0x01;
    memcpy(data + 44, ip, sizeof ip);
}

static void request_has_the_bytes_of_the_rfc(void)
{
    static const uint8_t head[] = {2, 1, 0, 0, 0, 0, 4, 0xb0};
    static const uint8_t client[16] = {[10] = 0xff, [11] = 0xff, [12] = 10, [15] = 2};
    static const uint8_t any[16] = {[10] = 0xff, [11] = 0xff};
    struct tr_pcp_map map = map_of();
    uint8_t data[TR_PCP_MAP_BYTES];
    tr_pcp_write(&map, data);
    ASSERT_TRUE(memcmp(data, head, sizeof head) == 0);
    ASSERT_TRUE(memcmp(data + 8, client, 16) == 0);
    ASSERT_TRUE(memcmp(data + 24, map.nonce, 12) == 0);
    ASSERT_EQ_UINT(data[36], 17);
    ASSERT_EQ_UINT(data[40] << 8 | data[41], 5000);
    ASSERT_EQ_UINT(data[42] << 8 | data[43], 5001);
    ASSERT_TRUE(memcmp(data + 44, any, 16) == 0);
}

static void answer_tells_the_external_address(void)
{
    struct tr_pcp_map map = map_of();
    struct tr_pcp_answer answer;
    uint8_t data[TR_PCP_MAP_BYTES];
    char text[TRYST_ADDRESS_TEXT_SIZE];
    answer_make(data, &map);
    ASSERT_EQ_INT(tr_pcp_read(&map, data, sizeof data, &answer), TR_PCP_GRANTED);
    tryst_address_format(&answer.external, text, sizeof text);
    ASSERT_EQ_STR(text, "9.0.0.1:8193");
    ASSERT_EQ_UINT(answer.lifetime_s, 1200);
    data[3] = TR_PCP_NO_RESOURCES;
    ASSERT_EQ_INT(tr_pcp_read(&map, data, sizeof data, &answer), TR_PCP_REFUSED);
    ASSERT_EQ_UINT(answer.result, TR_PCP_NO_RESOURCES);
    ASSERT_EQ_UINT(answer.external.family, 0);
}

static void what_does_not_fit_the_request_is_nobodys_answer(void)
{
    static const size_t places[] = {1, 24, 35, 36, 40, 41}; /* opcode, nonce, protocol, port */
    struct tr_pcp_map map = map_of();
    struct tr_pcp_answer answer;
    uint8_t data[TR_PCP_MAP_BYTES];
    for (size_t i = 0; i < UNIT_COUNT(places); i++) {
        answer_make(data, &map);
        data[places[i]] ^= places[i] == 1 ? 0x80 : 1;
        ASSERT_ROW(tr_pcp_read(&map, data, sizeof data, &answer) == TR_PCP_FOREIGN, "byte %zu",
                   places[i]);
    }
    answer_make(data, &map);
    for (size_t size = 0; size < sizeof data; size++)
        ASSERT_ROW(tr_pcp_read(&map, data, size, &answer) == TR_PCP_FOREIGN, "%zu bytes", size);
}

static void router_of_another_version_is_known_by_its_answer(void)
{
    static const uint8_t natpmp[8] = {0, 0x81, 0, 1, 0, 0, 0, 9};
    struct tr_pcp_map map = map_of();
    struct tr_pcp_answer answer;
    ASSERT_EQ_INT(tr_pcp_read(&map, natpmp, sizeof natpmp, &answer), TR_PCP_OTHER_VERSION);
}

static void no_bytes_lead_astray(void)
{
    struct tr_pcp_map map = map_of();
    struct tr_pcp_answer answer;
    uint8_t data[TR_PCP_MAX + 4];
    uint32_t seed = 1;
    for (int i = 0; i < 20000; i++) {
        answer_make(data, &map);
        for (int k = 0; k < 4; k++) {
            seed = seed * 1664525 + 1013904223;
            data[seed % TR_PCP_MAP_BYTES] = (uint8_t)(seed >> 24);
        }
        seed = seed * 1664525 + 1013904223;
        size_t size = (seed >> 8) % sizeof data;
        if (tr_pcp_read(&map, data, size, &answer) == TR_PCP_GRANTED)
            ASSERT_TRUE(size >= TR_PCP_MAP_BYTES && memcmp(data + 24, map.nonce, 12) == 0);
    }
}

UNIT_MAIN("pcp", UNIT_CASE(request_has_the_bytes_of_the_rfc),
          UNIT_CASE(answer_tells_the_external_address),
          UNIT_CASE(what_does_not_fit_the_request_is_nobodys_answer),
          UNIT_CASE(router_of_another_version_is_known_by_its_answer),
          UNIT_CASE(no_bytes_lead_astray))
