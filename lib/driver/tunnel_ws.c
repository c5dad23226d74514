/* One WebSocket between memory and memory: frames by wslay; nothing in a build without TLS.
 * SPDX-License-Identifier: MIT */
#include "lib/driver/tunnel_ws.h"

#ifdef TR_WITH_TLS

#include "lib/driver/tunnel_upgrade.h"
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>
#include <wslay/wslay.h>

enum {
    /* Pongs and a close; more only when the other end sends pings and we are held up. */
    OUTPUT_MOST = 64 << 10,
    CLOSE_UNWANTED = 1003, /* a status code: data of a kind that is not taken */
};

struct tr_websocket {
    enum tr_tunnel_role role;
    bool is_open;
    const char *failure;
    wslay_event_context_ptr frames;
    char key[TR_UPGRADE_KEY]; /* of a client */
    struct tr_bytes head;     /* what came of the other end's head */
    struct tr_bytes output;
    /* What wslay reads from and writes to, while it is called. */
    const uint8_t *input;
    size_t input_size;
    struct tr_bytes *inbox;
    size_t inbox_most;
    /* wslay does not say whether a frame was masked (RFC 6455, 5.1: from a client it must be, to one
     * it must not), so it never gets bytes of a frame's header with others, and we see the second. */
    uint32_t header_bytes;
    bool is_in_payload;
    uint64_t payload_left;
};

static void fail(struct tr_websocket *websocket, const char *why)
{
    if (websocket->failure == NULL)
        websocket->failure = why;
}

/* Bytes that are a frame's header for sure: of a masked one, 6. */
static size_t least_header(const struct tr_websocket *websocket)
{
    return websocket->role == TR_TUNNEL_SERVER ? 6 : 2;
}

/* How many bytes wslay gets, so that it gets none of the next frame's header with others. */
static size_t portion(const struct tr_websocket *websocket, size_t size)
{
    size_t least = least_header(websocket), given = 1;
    if (websocket->is_in_payload && websocket->payload_left > 0)
        given = websocket->payload_left < size ? (size_t)websocket->payload_left : size;
    else if (!websocket->is_in_payload && websocket->header_bytes < least)
        given = least - websocket->header_bytes;
    if (given > size)
        given = size;
    return given < websocket->input_size ? given : websocket->input_size;
}

static bool is_mask_right(struct tr_websocket *websocket, size_t given)
{
    uint32_t before = websocket->header_bytes;
    if (websocket->is_in_payload)
        return true;
    websocket->header_bytes += (uint32_t)given;
    if (before > 1 || websocket->header_bytes < 2)
        return true;
    return (websocket->input[1 - before] >> 7 != 0) == (websocket->role == TR_TUNNEL_SERVER);
}

static ssize_t give(wslay_event_context_ptr frames, uint8_t *buffer, size_t size, int flags,
                    void *user)
{
    struct tr_websocket *websocket = user;
    (void)flags;
    if (websocket->input_size == 0 || websocket->failure != NULL) {
        wslay_event_set_error(frames, WSLAY_ERR_WOULDBLOCK);
        return -1;
    }
    size_t given = portion(websocket, size);
    if (!is_mask_right(websocket, given)) {
        fail(websocket, "a frame is masked, or is not, against the rules");
        wslay_event_set_error(frames, WSLAY_ERR_CALLBACK_FAILURE);
        return -1;
    }
    memcpy(buffer, websocket->input, given);
    websocket->input += given;
    websocket->input_size -= given;
    return (ssize_t)given;
}

static ssize_t take(wslay_event_context_ptr frames, const uint8_t *data, size_t size, int flags,
                    void *user)
{
    struct tr_websocket *websocket = user;
    (void)flags;
    if (!tr_bytes_append(&websocket->output, data, size, OUTPUT_MOST)) {
        fail(websocket, "the other end does not read");
        wslay_event_set_error(frames, WSLAY_ERR_CALLBACK_FAILURE);
        return -1;
    }
    return (ssize_t)size;
}

static int mask(wslay_event_context_ptr frames, uint8_t *buffer, size_t size, void *user)
{
    (void)frames;
    (void)user;
    return RAND_bytes(buffer, (int)size) == 1 ? 0 : -1;
}

static void begin_frame(wslay_event_context_ptr frames,
                        const struct wslay_event_on_frame_recv_start_arg *frame, void *user)
{
    struct tr_websocket *websocket = user;
    (void)frames;
    websocket->is_in_payload = true;
    websocket->payload_left = frame->payload_length;
}

static void take_chunk(wslay_event_context_ptr frames,
                       const struct wslay_event_on_frame_recv_chunk_arg *chunk, void *user)
{
    struct tr_websocket *websocket = user;
    (void)frames;
    websocket->payload_left -= chunk->data_length;
}

static void end_frame(wslay_event_context_ptr frames, void *user)
{
    struct tr_websocket *websocket = user;
    (void)frames;
    websocket->is_in_payload = false;
    websocket->header_bytes = 0;
}

static void take_message(wslay_event_context_ptr frames,
                         const struct wslay_event_on_msg_recv_arg *message, void *user)
{
    struct tr_websocket *websocket = user;
    if (wslay_is_ctrl_frame(message->opcode)) {
        if (message->opcode == WSLAY_CONNECTION_CLOSE)
            fail(websocket, "closed by the other end");
        return;
    }
    if (message->opcode != WSLAY_BINARY_FRAME || message->msg_length == 0 ||
        message->msg_length > TR_TUNNEL_DATAGRAM_MAX) {
        wslay_event_queue_close(frames, CLOSE_UNWANTED, NULL, 0);
        fail(websocket, "a message that is no datagram");
        return;
    }
    uint16_t size = (uint16_t)message->msg_length;
    if (websocket->inbox->size + sizeof(size) + size > websocket->inbox_most)
        return;
    if (!tr_bytes_append(websocket->inbox, &size, sizeof(size), websocket->inbox_most) ||
        !tr_bytes_append(websocket->inbox, message->msg, size, websocket->inbox_most))
        fail(websocket, "no memory");
}

struct tr_websocket *tr_websocket_create(enum tr_tunnel_role role, const char *host, uint16_t port)
{
    static const struct wslay_event_callbacks callbacks = {
        .recv_callback = give,
        .send_callback = take,
        .genmask_callback = mask,
        .on_frame_recv_start_callback = begin_frame,
        .on_frame_recv_chunk_callback = take_chunk,
        .on_frame_recv_end_callback = end_frame,
        .on_msg_recv_callback = take_message,
    };
    struct tr_websocket *websocket = calloc(1, sizeof(*websocket));
    if (websocket == NULL)
        return NULL;
    websocket->role = role;
    int error = role == TR_TUNNEL_SERVER
                    ? wslay_event_context_server_init(&websocket->frames, &callbacks, websocket)
                    : wslay_event_context_client_init(&websocket->frames, &callbacks, websocket);
    bool good = error == 0;
    if (good)
        wslay_event_config_set_max_recv_msg_length(websocket->frames, TR_TUNNEL_DATAGRAM_MAX);
    if (good && role == TR_TUNNEL_CLIENT) {
        char head[TR_UPGRADE_HEAD];
        size_t size = tr_upgrade_key(websocket->key)
                          ? tr_upgrade_request(head, host, port, websocket->key)
                          : 0;
        good = size > 0 && tr_bytes_append(&websocket->output, head, size, OUTPUT_MOST);
    }
    if (!good) {
        tr_websocket_destroy(websocket);
        return NULL;
    }
    return websocket;
}

void tr_websocket_destroy(struct tr_websocket *websocket)
{
    if (websocket == NULL)
        return;
    if (websocket->frames != NULL)
        wslay_event_context_free(websocket->frames);
    tr_bytes_clear(&websocket->head);
    tr_bytes_clear(&websocket->output);
    free(websocket);
}

/* The other end's head is whole. */
static void judge_head(struct tr_websocket *websocket)
{
    char *head = (char *)websocket->head.data + websocket->head.head;
    size_t size = websocket->head.size - 1; /* without the NUL behind it */
    if (websocket->role == TR_TUNNEL_CLIENT) {
        websocket->is_open = tr_upgrade_agrees(head, size, websocket->key);
    } else {
        char answer[TR_UPGRADE_HEAD];
        websocket->is_open = tr_upgrade_answer(head, size, answer);
        if (!tr_bytes_append(&websocket->output, answer, strlen(answer), OUTPUT_MOST))
            fail(websocket, "no memory");
    }
    if (!websocket->is_open)
        fail(websocket, "the upgrade to a WebSocket is refused");
    tr_bytes_clear(&websocket->head);
}

/* Takes bytes of the head until its empty line; how many. */
static size_t take_head(struct tr_websocket *websocket, const uint8_t *data, size_t size)
{
    struct tr_bytes *head = &websocket->head;
    size_t taken = 0;
    while (taken < size) {
        if (!tr_bytes_append(head, data + taken++, 1, TR_UPGRADE_HEAD - 1)) {
            fail(websocket, "a head that is too long");
            return taken;
        }
        const uint8_t *end = head->data + head->head + head->size;
        if (end[-1] != '\n' || head->size < 4 || memcmp(end - 4, "\r\n\r\n", 4) != 0)
            continue;
        if (tr_bytes_append(head, "", 1, TR_UPGRADE_HEAD))
            judge_head(websocket);
        else
            fail(websocket, "no memory");
        return taken;
    }
    return taken;
}

const char *tr_websocket_received(struct tr_websocket *websocket, const uint8_t *data, size_t size,
                                  struct tr_bytes *inbox, size_t most)
{
    if (!websocket->is_open && websocket->failure == NULL) {
        size_t taken = take_head(websocket, data, size);
        data += taken;
        size -= taken;
    }
    if (!websocket->is_open || websocket->failure != NULL)
        return websocket->failure;
    websocket->input = data;
    websocket->input_size = size;
    websocket->inbox = inbox;
    websocket->inbox_most = most;
    /* It comes back whenever it got less than it wants, and stops reading when it closes. */
    do {
        if (wslay_event_recv(websocket->frames) != 0)
            fail(websocket, "frames that break the rules");
    } while (websocket->input_size > 0 && websocket->failure == NULL &&
             wslay_event_get_read_enabled(websocket->frames));
    if (!wslay_event_get_read_enabled(websocket->frames))
        fail(websocket, "a message that is too long, or frames that break the rules");
    if (wslay_event_want_write(websocket->frames) && wslay_event_send(websocket->frames) != 0)
        fail(websocket, "no memory");
    websocket->input = NULL;
    websocket->input_size = 0;
    return websocket->failure;
}

bool tr_websocket_send(struct tr_websocket *websocket, const void *data, size_t size)
{
    const struct wslay_event_msg message = {
        .opcode = WSLAY_BINARY_FRAME, .msg = data, .msg_length = size};
    if (websocket->failure != NULL || wslay_event_queue_msg(websocket->frames, &message) != 0 ||
        wslay_event_send(websocket->frames) != 0)
        fail(websocket, "no memory");
    return websocket->failure == NULL;
}

struct tr_bytes *tr_websocket_output(struct tr_websocket *websocket)
{
    return &websocket->output;
}

bool tr_websocket_is_open(const struct tr_websocket *websocket)
{
    return websocket->is_open;
}

#endif
