/* Rounds of announcements, and pages sent again.
 * SPDX-License-Identifier: MIT */
#include "server/announce.h"

#include "lib/base/deadline.h"
#include "server/outcomes.h"
#include "server/telling.h"
#include <string.h>

static void wake_by(struct tr_service *service, struct tr_membership *membership, uint64_t due_us)
{
    struct tr_alarm *alarm = &membership->alarm;

    if (alarm->place == 0 || due_us < alarm->due_us)
        tr_alarms_set(&service->alarms, alarm, due_us);
}

void tr_announce_change(struct tr_service *service, struct tr_membership *membership,
                        uint64_t now_us)
{
    uint64_t next = tr_bucket_next(&membership->rounds, TR_ROUNDS_RATE, TR_ROUNDS_BURST);

    service->stats.changes++;
    wake_by(service, membership, next > now_us ? next : now_us);
}

void tr_announce_departure(struct tr_service *service, struct tr_participant *participant,
                           uint16_t reason, uint64_t now_us)
{
    struct tr_membership *membership = participant->membership;
    uint64_t unix_ms = tr_service_unix_ms(service, now_us);
    uint8_t app[TR_APP_BYTES];
    uint8_t session[TR_SESSION_BYTES];

    memcpy(app, membership->app, sizeof app);
    memcpy(session, membership->session, sizeof session);
    tr_rules_tell_leave(service->rules, participant, reason, now_us, unix_ms, &service->stats);
    tr_alarms_set(&service->expiries, &participant->expiry, TR_NEVER);
    tr_detours_leave(&service->detours, participant);
    tr_outcomes_forget(service, participant);
    /* Its REGISTER, should it come once more, must not lead to the keys it had: their counters
     * would begin again. */
    tr_certify_drop_ephemeral(&service->certify);
    tr_membership_remove(membership, &participant->entry, reason);
    if (membership->count == 0)
        tr_alarms_set(&service->alarms, &membership->alarm, TR_NEVER);
    tr_recall_drop(&service->recall, participant->index);
    if (tr_registry_remove(&service->registry, participant))
        tr_rules_tell_close(service->rules, app, session, unix_ms, &service->stats);
    else
        tr_announce_change(service, membership, now_us);
}

static void send_page(struct tr_service *service, struct tr_participant *participant,
                      uint64_t now_us)
{
    enum { PAGE_BYTES = 25 };
    uint8_t body[TR_TELLING_ROOM];
    struct tr_page page;
    struct tr_writer head;
    struct tr_writer entries;

    tr_writer_init(&head, body, 1 + PAGE_BYTES);
    tr_writer_init(&entries, body + 1 + PAGE_BYTES, sizeof body - 1 - PAGE_BYTES);
    if (tr_feed_page(&participant->feed, participant->membership, &participant->entry, now_us,
                     &page, &entries))
        service->stats.resent++;
    tr_writer_number(&head, TR_ITEM_ROSTER | TR_ITEM_LAST, 1);
    tr_layout_encode(&tr_layout_page, &page, &head);
    tr_telling_send(service, participant, &participant->address, &participant->local, body,
                    tr_writer_used(&head) + tr_writer_used(&entries));
}

void tr_announce_pump(struct tr_service *service, struct tr_participant *participant,
                      uint64_t now_us)
{
    struct tr_feed *feed = &participant->feed;

    while (tr_feed_is_open(feed, participant->membership->announced))
        send_page(service, participant, now_us);
    if (feed->due_us != TR_NEVER)
        wake_by(service, participant->membership, feed->due_us);
}

static void serve(struct tr_service *service, struct tr_membership *membership, uint64_t now_us)
{
    uint64_t next = TR_NEVER;
    bool is_quiet = true;

    if (membership->announced < membership->version &&
        tr_bucket_take(&membership->rounds, TR_ROUNDS_RATE, TR_ROUNDS_BURST, now_us))
        membership->announced = membership->version;
    if (membership->announced < membership->version)
        tr_sooner(&next, tr_bucket_next(&membership->rounds, TR_ROUNDS_RATE, TR_ROUNDS_BURST));
    for (struct tr_entry *entry = membership->oldest; entry != NULL; entry = entry->newer) {
        struct tr_participant *participant = tr_participant_of(entry);

        tr_feed_tick(&participant->feed, now_us);
        tr_announce_pump(service, participant, now_us);
        tr_sooner(&next, participant->feed.due_us);
        is_quiet = is_quiet && participant->feed.due_us == TR_NEVER;
    }
    if (is_quiet)
        tr_membership_trim(membership);
    tr_alarms_set(&service->alarms, &membership->alarm, next);
}

void tr_announce_run(struct tr_service *service, uint64_t now_us)
{
    struct tr_alarm *alarm;

    while ((alarm = tr_alarms_take(&service->alarms, now_us)) != NULL)
        serve(
            service,
            (struct tr_membership *)(void *)((char *)alarm - offsetof(struct tr_membership, alarm)),
            now_us);
}
