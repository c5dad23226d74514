/* Cases of server/membership.
 * SPDX-License-Identifier: MIT */
#include "server/membership.h"

#include "tests/unit/unit.h"

enum { MANY = TR_PARTICIPANTS_MAX };

static const uint8_t app[TR_APP_BYTES];
static const uint8_t session[TR_SESSION_BYTES];
static struct tr_membership membership;
static struct tr_entry entries[MANY + 1];
static struct tr_entry nobody;

static void start(void)
{
    memset(entries, 0, sizeof entries);
    tr_membership_init(&membership, app, session, 9);
}

static int set_user_data(int i, uint16_t user_data)
{
    struct tr_member member = {.user_data_size = 2};
    struct tr_entry *entry = &entries[i];

    if (entry->version == 0) {
        memset(entry->identity, i, TR_KEY);
        entry->identity[1] = (uint8_t)(i >> 8);
        entry->slot = tr_membership_free_slot(&membership);
    }
    member.slot = entry->slot;
    memcpy(member.user_data, &user_data, 2);
    memcpy(member.record.identity, entry->identity, TR_KEY);
    return tr_membership_set(&membership, entry, &member);
}

static void end(void)
{
    while (membership.oldest != NULL)
        tr_membership_remove(&membership, membership.oldest, 0);
    tr_membership_clear(&membership);
}

static struct tr_page page_of(uint64_t from, uint64_t base, uint64_t not_to, size_t room,
                              int *members, int *departures)
{
    uint8_t bytes[TR_DATAGRAM_BYTES];
    struct tr_page page;
    struct tr_writer writer;
    struct tr_reader reader;

    tr_writer_init(&writer, bytes, room);
    tr_membership_page(&membership, &nobody, from, base, not_to, &page, &writer);
    ASSERT_FALSE(writer.fault);
    tr_reader_init(&reader, bytes, tr_writer_used(&writer));
    *members = *departures = 0;
    while (tr_reader_left(&reader) > 0) {
        struct tr_member member;
        struct tr_gone gone;

        if (tr_reader_number(&reader, 1) == TR_ENTRY_MEMBER) {
            tr_layout_decode(&tr_layout_member, &member, &reader);
            ++*members;
        } else {
            tr_layout_decode(&tr_layout_gone, &gone, &reader);
            ++*departures;
        }
    }
    ASSERT_FALSE(reader.fault);
    return page;
}

static void member_that_is_the_same_is_no_change(void)
{
    start();
    ASSERT_EQ_INT(set_user_data(0, 1), 1);
    ASSERT_EQ_INT(set_user_data(0, 1), 0);
    ASSERT_EQ_UINT(membership.version, 1);
    ASSERT_EQ_INT(set_user_data(0, 2), 1);
    ASSERT_EQ_UINT(membership.version, 2);
    ASSERT_EQ_UINT(membership.count, 1);
    end();
}

static void slots_are_the_lowest_that_are_free(void)
{
    start();
    for (int i = 0; i < MANY; i++) {
        set_user_data(i, 1);
        ASSERT_EQ_UINT(entries[i].slot, i);
    }
    tr_membership_remove(&membership, &entries[200], 1);
    tr_membership_remove(&membership, &entries[70], 1);
    ASSERT_EQ_UINT(tr_membership_free_slot(&membership), 70);
    set_user_data(70, 1);
    ASSERT_EQ_UINT(tr_membership_free_slot(&membership), 200);
    end();
}

static void page_holds_changes_in_the_order_of_versions(void)
{
    int members, departures;

    start();
    set_user_data(0, 1);                               /* 1 */
    set_user_data(1, 1);                               /* 2 */
    set_user_data(2, 1);                               /* 3 */
    set_user_data(0, 2);                               /* 4 */
    tr_membership_remove(&membership, &entries[1], 1); /* 5 */
    set_user_data(3, 1);                               /* 6 */

    struct tr_page page = page_of(0, 99, UINT64_MAX, 1000, &members, &departures);

    ASSERT_EQ_UINT(page.to, 6);
    ASSERT_EQ_INT(members, 3);
    ASSERT_EQ_INT(departures, 0);
    page = page_of(3, 0, UINT64_MAX, 1000, &members, &departures);
    ASSERT_EQ_UINT(page.from, 3);
    ASSERT_EQ_UINT(page.to, 6);
    ASSERT_EQ_UINT(page.goal, 6);
    ASSERT_EQ_INT(members, 2);
    ASSERT_EQ_INT(departures, 1);
    page = page_of(3, 5, UINT64_MAX, 1000, &members, &departures);
    ASSERT_EQ_INT(members, 2);
    ASSERT_EQ_INT(departures, 0);
    page = page_of(6, 0, UINT64_MAX, 1000, &members, &departures);
    ASSERT_EQ_UINT(page.to, 6);
    ASSERT_EQ_INT(members + departures, 0);
    end();
}

static void page_that_is_full_ends_at_its_last_entry(void)
{
    int members, departures;
    size_t entry;

    start();
    for (int i = 0; i < 4; i++)
        set_user_data(i, 1);
    entry = 1U + entries[0].size;

    struct tr_page page = page_of(0, 99, UINT64_MAX, 3 * entry, &members, &departures);

    ASSERT_EQ_UINT(page.to, 3);
    ASSERT_EQ_INT(members, 3);
    page = page_of(0, 99, UINT64_MAX, 3 * entry - 1, &members, &departures);
    ASSERT_EQ_UINT(page.to, 2);
    ASSERT_EQ_INT(members, 2);
    page = page_of(0, 99, 3, 3 * entry, &members, &departures);
    ASSERT_EQ_UINT(page.to, 2);
    ASSERT_EQ_INT(members, 2);
    page = page_of(0, 99, UINT64_MAX, 4 * entry, &members, &departures);
    ASSERT_EQ_UINT(page.to, 4);
    end();
}

static void page_leaves_out_the_asker(void)
{
    uint8_t bytes[TR_DATAGRAM_BYTES];
    struct tr_page page;
    struct tr_writer writer;

    start();
    set_user_data(0, 1);
    set_user_data(1, 1);
    tr_writer_init(&writer, bytes, sizeof bytes);
    tr_membership_page(&membership, &entries[1], 0, 99, UINT64_MAX, &page, &writer);
    ASSERT_EQ_UINT(page.to, 2);
    ASSERT_EQ_UINT(tr_writer_used(&writer), 1U + entries[0].size);
    ASSERT_EQ_MEM(bytes + 1, entries[0].bytes, entries[0].size);
    end();
}

static void hash_is_of_all_but_the_asker(void)
{
    uint8_t hash[TR_ENTRY_HASH];
    uint8_t zeros[TR_ENTRY_HASH] = {0};

    start();
    set_user_data(0, 1);
    tr_membership_hash(&membership, &entries[0], hash);
    ASSERT_EQ_MEM(hash, zeros, sizeof hash);
    set_user_data(1, 1);
    tr_membership_hash(&membership, &entries[0], hash);
    ASSERT_EQ_MEM(hash, entries[1].hash, sizeof hash);
    set_user_data(2, 1);
    set_user_data(1, 5);
    tr_membership_remove(&membership, &entries[2], 1);
    tr_membership_hash(&membership, &entries[0], hash);
    ASSERT_EQ_MEM(hash, entries[1].hash, sizeof hash);
    end();
}

static void departures_of_a_full_session_are_the_last_256(void)
{
    int members, departures;

    start();
    for (int i = 0; i < MANY; i++)
        set_user_data(i, 1);
    for (int i = 0; i < TR_DEPARTURES_MAX + 1; i++) {
        ASSERT_EQ_UINT(membership.forgotten, 0);
        tr_membership_remove(&membership, &entries[5], 1);
        set_user_data(5, 1);
    }
    ASSERT_EQ_UINT(membership.gone_count, TR_DEPARTURES_MAX);
    ASSERT_EQ_UINT(membership.forgotten, MANY + 1);
    page_of(MANY + 1, 0, UINT64_MAX, 1200, &members, &departures);
    ASSERT_TRUE(departures > 20);
    end();
}

static void departures_of_a_small_session_take_little_memory(void)
{
    start();
    set_user_data(0, 1);
    for (int i = 0; i < 100; i++) {
        set_user_data(1, 1);
        tr_membership_remove(&membership, &entries[1], 1);
    }
    ASSERT_TRUE(membership.gone_size <= 8);
    end();
}

static void trimming_keeps_the_newest_departures(void)
{
    int members, departures;

    start();
    for (int i = 0; i < MANY; i++)
        set_user_data(i, 1);
    for (int i = MANY - 1; i > 0; i--)
        tr_membership_remove(&membership, &entries[i], 1);
    ASSERT_EQ_UINT(membership.gone_size, 256);
    ASSERT_EQ_UINT(membership.forgotten, 0);
    tr_membership_trim(&membership);
    ASSERT_EQ_UINT(membership.gone_size, 4);
    ASSERT_EQ_UINT(membership.gone_count, 4);
    ASSERT_EQ_UINT(membership.forgotten, membership.version - 4);
    page_of(membership.forgotten, 0, UINT64_MAX, 1200, &members, &departures);
    ASSERT_EQ_INT(departures, 4);
    tr_membership_trim(&membership);
    ASSERT_EQ_UINT(membership.gone_size, 4);
    end();
}

UNIT_MAIN("membership", UNIT_CASE(member_that_is_the_same_is_no_change),
          UNIT_CASE(slots_are_the_lowest_that_are_free),
          UNIT_CASE(page_holds_changes_in_the_order_of_versions),
          UNIT_CASE(page_that_is_full_ends_at_its_last_entry), UNIT_CASE(page_leaves_out_the_asker),
          UNIT_CASE(hash_is_of_all_but_the_asker),
          UNIT_CASE(departures_of_a_full_session_are_the_last_256),
          UNIT_CASE(departures_of_a_small_session_take_little_memory),
          UNIT_CASE(trimming_keeps_the_newest_departures))
