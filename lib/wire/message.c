/* The one table: fields of every message, and the frames they travel in.
 * SPDX-License-Identifier: MIT */
#include "lib/wire/message.h"

#define NUMBER(type, field)                                                                        \
    {                                                                                              \
        .name = #field, .kind = TR_FIELD_NUMBER, .offset = offsetof(type, field),                  \
        .size = sizeof(((type *)0)->field),                                                        \
    }
#define BYTES(type, field)                                                                         \
    {                                                                                              \
        .name = #field, .kind = TR_FIELD_BYTES, .offset = offsetof(type, field),                   \
        .size = sizeof(((type *)0)->field),                                                        \
    }
#define ADDRESS(type, field)                                                                       \
    {                                                                                              \
        .name = #field, .kind = TR_FIELD_ADDRESS, .offset = offsetof(type, field),                 \
    }
#define BLOB(type, field)                                                                          \
    {                                                                                              \
        .name = #field, .kind = TR_FIELD_BLOB, .offset = offsetof(type, field),                    \
        .count_offset = offsetof(type, field##_size), .max = sizeof(((type *)0)->field),           \
    }
#define LIST(type, field, count, layout)                                                           \
    {                                                                                              \
        .name = #field, .kind = TR_FIELD_LIST, .offset = offsetof(type, field),                    \
        .size = sizeof(((type *)0)->field[0]), .count_offset = offsetof(type, count),              \
        .max = sizeof(((type *)0)->field) / sizeof(((type *)0)->field[0]),                         \
        .of = &tr_layout_##layout,                                                                 \
    }
#define PART(type, field, layout)                                                                  \
    {                                                                                              \
        .name = #field, .kind = TR_FIELD_PART, .offset = offsetof(type, field),                    \
        .of = &tr_layout_##layout,                                                                 \
    }
#define LAYOUT(layout)                                                                             \
    const struct tr_layout tr_layout_##layout = {                                                  \
        .name = #layout,                                                                           \
        .field_count = sizeof layout##_fields / sizeof layout##_fields[0],                         \
        .fields = layout##_fields,                                                                 \
    };

/* clang-format off */
static const struct tr_field address_fields[] = {
    {.name = "address", .kind = TR_FIELD_ADDRESS, .offset = 0},
};
LAYOUT(address)

static const struct tr_field nat_fields[] = {
    NUMBER(struct tr_nat, mapping),
    NUMBER(struct tr_nat, filtering),
    NUMBER(struct tr_nat, ports),
    NUMBER(struct tr_nat, flags),
    NUMBER(struct tr_nat, stride),
    NUMBER(struct tr_nat, low),
    NUMBER(struct tr_nat, high),
    NUMBER(struct tr_nat, last),
};
LAYOUT(nat)

static const struct tr_field cookie_fields[] = {
    NUMBER(struct tr_cookie, time_s),
    BYTES(struct tr_cookie, mac),
};
LAYOUT(cookie)

static const struct tr_field certificate_fields[] = {
    NUMBER(struct tr_certificate, version),
    BYTES(struct tr_certificate, reserved),
    BYTES(struct tr_certificate, key_id),
    NUMBER(struct tr_certificate, not_before_s),
    NUMBER(struct tr_certificate, not_after_s),
    BYTES(struct tr_certificate, sign_key),
    BYTES(struct tr_certificate, kx_key),
    BYTES(struct tr_certificate, signature),
};
LAYOUT(certificate)

static const struct tr_field bind_fields[] = {
    NUMBER(struct tr_bind, type),
    NUMBER(struct tr_bind, version),
    NUMBER(struct tr_bind, flags),
    NUMBER(struct tr_bind, magic),
    BYTES(struct tr_bind, app),
    BYTES(struct tr_bind, nonce),
    PART(struct tr_bind, cookie, cookie),
};
LAYOUT(bind)

static const struct tr_field cookie_reply_fields[] = {
    NUMBER(struct tr_cookie_reply, type),
    NUMBER(struct tr_cookie_reply, version),
    NUMBER(struct tr_cookie_reply, other_port),
    NUMBER(struct tr_cookie_reply, magic),
    BYTES(struct tr_cookie_reply, nonce),
    PART(struct tr_cookie_reply, cookie, cookie),
    ADDRESS(struct tr_cookie_reply, seen),
    NUMBER(struct tr_cookie_reply, server_ms),
    NUMBER(struct tr_cookie_reply, versions),
    PART(struct tr_cookie_reply, certificate, certificate),
    ADDRESS(struct tr_cookie_reply, other),
};
LAYOUT(cookie_reply)

static const struct tr_field record_fields[] = {
    NUMBER(struct tr_record, version),
    NUMBER(struct tr_record, flags),
    NUMBER(struct tr_record, reserved),
    NUMBER(struct tr_record, versions),
    NUMBER(struct tr_record, caps),
    NUMBER(struct tr_record, epoch),
    BYTES(struct tr_record, session),
    BYTES(struct tr_record, identity),
    BYTES(struct tr_record, ge),
    BYTES(struct tr_record, signature),
};
LAYOUT(record)

static const struct tr_field register_fields[] = {
    NUMBER(struct tr_register, type),
    NUMBER(struct tr_register, version),
    NUMBER(struct tr_register, flags),
    NUMBER(struct tr_register, magic),
    BYTES(struct tr_register, app),
    PART(struct tr_register, cookie, cookie),
    BYTES(struct tr_register, key_id),
    BYTES(struct tr_register, ge),
    BYTES(struct tr_register, nonce),
};
LAYOUT(register)

static const struct tr_field proven_fields[] = {
    ADDRESS(struct tr_proven, candidate),
    PART(struct tr_proven, cookie, cookie),
};
LAYOUT(proven)

static const struct tr_field register_body_fields[] = {
    PART(struct tr_register_body, record, record),
    NUMBER(struct tr_register_body, sequence),
    ADDRESS(struct tr_register_body, seen),
    NUMBER(struct tr_register_body, rtt_ms),
    PART(struct tr_register_body, nat, nat),
    LIST(struct tr_register_body, local, local_count, address),
    LIST(struct tr_register_body, proven, proven_count, proven),
    NUMBER(struct tr_register_body, roster_fence),
    NUMBER(struct tr_register_body, roster_version),
    BLOB(struct tr_register_body, token),
    BLOB(struct tr_register_body, invite),
    BLOB(struct tr_register_body, user_data),
    BLOB(struct tr_register_body, app_data),
    BYTES(struct tr_register_body, signature),
};
LAYOUT(register_body)

static const struct tr_field registered_fields[] = {
    NUMBER(struct tr_registered, type),
    NUMBER(struct tr_registered, version),
    NUMBER(struct tr_registered, flags),
    BYTES(struct tr_registered, tag),
    NUMBER(struct tr_registered, reply),
    BYTES(struct tr_registered, ges),
};
LAYOUT(registered)

static const struct tr_field page_fields[] = {
    NUMBER(struct tr_page, from),
    NUMBER(struct tr_page, to),
    NUMBER(struct tr_page, goal),
    NUMBER(struct tr_page, reset),
};
LAYOUT(page)

static const struct tr_field registered_body_fields[] = {
    NUMBER(struct tr_registered_body, status),
    NUMBER(struct tr_registered_body, slot),
    NUMBER(struct tr_registered_body, flags),
    NUMBER(struct tr_registered_body, server_ms),
    ADDRESS(struct tr_registered_body, seen),
    NUMBER(struct tr_registered_body, keepalive_ms),
    NUMBER(struct tr_registered_body, expire_ms),
    NUMBER(struct tr_registered_body, participants_max),
    NUMBER(struct tr_registered_body, relay_kbps),
    BYTES(struct tr_registered_body, channel),
    NUMBER(struct tr_registered_body, fence),
    BYTES(struct tr_registered_body, signature),
    BLOB(struct tr_registered_body, data),
    PART(struct tr_registered_body, page, page),
};
LAYOUT(registered_body)

static const struct tr_field refused_fields[] = {
    NUMBER(struct tr_refused, type),
    NUMBER(struct tr_refused, version),
    NUMBER(struct tr_refused, flags),
    BYTES(struct tr_refused, tag),
    BYTES(struct tr_refused, nonce),
};
LAYOUT(refused)

static const struct tr_field refused_body_fields[] = {
    NUMBER(struct tr_refused_body, reason),
    NUMBER(struct tr_refused_body, retry_ms),
    BLOB(struct tr_refused_body, detail),
};
LAYOUT(refused_body)

static const struct tr_field ctrl_fields[] = {
    NUMBER(struct tr_ctrl, type),
    BYTES(struct tr_ctrl, channel),
    NUMBER(struct tr_ctrl, counter),
};
LAYOUT(ctrl)

static const struct tr_field hello_fields[] = {
    NUMBER(struct tr_hello, type),
    NUMBER(struct tr_hello, version),
    NUMBER(struct tr_hello, flags),
    BYTES(struct tr_hello, id),
    BYTES(struct tr_hello, nonce),
};
LAYOUT(hello)

static const struct tr_field hello_body_fields[] = {
    NUMBER(struct tr_hello_body, sequence),
    NUMBER(struct tr_hello_body, state),
    NUMBER(struct tr_hello_body, flags),
    BYTES(struct tr_hello_body, gf),
    BYTES(struct tr_hello_body, echo),
    NUMBER(struct tr_hello_body, index),
    BYTES(struct tr_hello_body, ping),
    BYTES(struct tr_hello_body, pong),
    ADDRESS(struct tr_hello_body, to),
    ADDRESS(struct tr_hello_body, seen),
    NUMBER(struct tr_hello_body, roster_version),
    NUMBER(struct tr_hello_body, roster_fence),
    BYTES(struct tr_hello_body, signature),
    LIST(struct tr_hello_body, local, local_count, address),
};
LAYOUT(hello_body)

static const struct tr_field data_fields[] = {
    NUMBER(struct tr_data, type),
    NUMBER(struct tr_data, index),
    NUMBER(struct tr_data, counter),
};
LAYOUT(data)

static const struct tr_field relay_fields[] = {
    NUMBER(struct tr_relay, type),
    BYTES(struct tr_relay, route),
    NUMBER(struct tr_relay, slot),
    NUMBER(struct tr_relay, counter),
    BYTES(struct tr_relay, tag),
};
LAYOUT(relay)

static const struct tr_field unknown_fields[] = {
    NUMBER(struct tr_unknown, type),
    NUMBER(struct tr_unknown, version),
    NUMBER(struct tr_unknown, flags),
    BYTES(struct tr_unknown, channel),
    NUMBER(struct tr_unknown, reserved),
};
LAYOUT(unknown)

static const struct tr_field item_ping_fields[] = {
    BYTES(struct tr_item_ping, ping),
};
LAYOUT(item_ping)

static const struct tr_field item_pong_fields[] = {
    BYTES(struct tr_item_pong, pong),
    ADDRESS(struct tr_item_pong, seen),
};
LAYOUT(item_pong)

static const struct tr_field item_mark_fields[] = {
    NUMBER(struct tr_item_mark, sent),
};
LAYOUT(item_mark)

static const struct tr_field item_report_fields[] = {
    NUMBER(struct tr_item_report, sent),
    NUMBER(struct tr_item_report, received),
    NUMBER(struct tr_item_report, size),
    NUMBER(struct tr_item_report, quiet),
};
LAYOUT(item_report)

static const struct tr_field item_status_fields[] = {
    NUMBER(struct tr_item_status, fence),
    NUMBER(struct tr_item_status, version),
    BYTES(struct tr_item_status, hash),
};
LAYOUT(item_status)

static const struct tr_field item_leave_fields[] = {
    NUMBER(struct tr_item_leave, reason),
};
LAYOUT(item_leave)

static const struct tr_field item_ack_fields[] = {
    NUMBER(struct tr_item_ack, fence),
    NUMBER(struct tr_item_ack, version),
};
LAYOUT(item_ack)

static const struct tr_field item_relay_fields[] = {
    NUMBER(struct tr_item_relay, slot),
    NUMBER(struct tr_item_relay, epoch),
    NUMBER(struct tr_item_relay, reason),
    NUMBER(struct tr_item_relay, kbps),
};
LAYOUT(item_relay)

static const struct tr_field item_outcome_fields[] = {
    NUMBER(struct tr_item_outcome, slot),
    NUMBER(struct tr_item_outcome, epoch),
    NUMBER(struct tr_item_outcome, path),
    NUMBER(struct tr_item_outcome, kind),
    NUMBER(struct tr_item_outcome, took_ms),
};
LAYOUT(item_outcome)

static const struct tr_field member_fields[] = {
    NUMBER(struct tr_member, slot),
    PART(struct tr_member, record, record),
    PART(struct tr_member, nat, nat),
    LIST(struct tr_member, candidates, candidate_count, address),
    BLOB(struct tr_member, user_data),
};
LAYOUT(member)

static const struct tr_field gone_fields[] = {
    BYTES(struct tr_gone, identity),
    NUMBER(struct tr_gone, epoch),
    NUMBER(struct tr_gone, reason),
};
LAYOUT(gone)

/* clang-format on */
static const struct tr_frame_rule frames[] = {
#define FRAME_ROW(name, byte, senders, least, most) {#name, byte, senders, least, most},
    TR_FRAMES(FRAME_ROW)
#undef FRAME_ROW
};

const struct tr_frame_rule *tr_frame_rule(uint8_t type)
{
    for (size_t i = 0; i < sizeof frames / sizeof frames[0]; i++)
        if (frames[i].type == type)
            return &frames[i];
    return NULL;
}
