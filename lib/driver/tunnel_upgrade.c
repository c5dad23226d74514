/* The HTTP upgrade to a WebSocket; nothing in a build without TLS.
 * SPDX-License-Identifier: MIT */
#include "lib/driver/tunnel_upgrade.h"

#ifdef TR_WITH_TLS

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define PROTOCOL "tryst.1"
#define PATH "/tryst"

/* Fields that an upgrade is made of; each stands once at most. X(name, text) */
#define FIELDS(X)                                                                                  \
    X(HOST, "Host")                                                                                \
    X(UPGRADE, "Upgrade")                                                                          \
    X(CONNECTION, "Connection")                                                                    \
    X(KEY, "Sec-WebSocket-Key")                                                                    \
    X(VERSION, "Sec-WebSocket-Version")                                                            \
    X(PROTOCOL_NAMES, "Sec-WebSocket-Protocol")                                                    \
    X(EXTENSIONS, "Sec-WebSocket-Extensions")                                                      \
    X(ACCEPT, "Sec-WebSocket-Accept")

enum field {
#define FIELD_ROW(name, text) FIELD_##name,
    FIELDS(FIELD_ROW)
#undef FIELD_ROW
        FIELD_COUNT
};

struct fields {
    const char *values[FIELD_COUNT]; /* NULL: absent */
};

bool tr_upgrade_key(char key[TR_UPGRADE_KEY])
{
    unsigned char random[16];
    if (RAND_bytes(random, sizeof(random)) != 1)
        return false;
    EVP_EncodeBlock((unsigned char *)key, random, sizeof(random));
    return true;
}

void tr_upgrade_accept(char accept[TR_UPGRADE_ACCEPT], const char key[TR_UPGRADE_KEY])
{
    char text[96];
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    int length = snprintf(text, sizeof(text), "%s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key);
    if (EVP_Digest(text, (size_t)length, digest, &size, EVP_sha1(), NULL) == 1 && size == 20)
        EVP_EncodeBlock((unsigned char *)accept, digest, (int)size);
    else
        accept[0] = '\0';
}

size_t tr_upgrade_request(char head[TR_UPGRADE_HEAD], const char *host, uint16_t port,
                          const char key[TR_UPGRADE_KEY])
{
    bool is_ipv6 = host != NULL && strchr(host, ':') != NULL;
    char where[8] = "";
    if (port != 443 && port != 0)
        snprintf(where, sizeof(where), ":%u", (unsigned)port);
    int size =
        snprintf(head, TR_UPGRADE_HEAD,
                 "GET " PATH " HTTP/1.1\r\n"
                 "Host: %s%s%s%s\r\n"
                 "Upgrade: websocket\r\n"
                 "Connection: Upgrade\r\n"
                 "Sec-WebSocket-Key: %s\r\n"
                 "Sec-WebSocket-Version: 13\r\n"
                 "Sec-WebSocket-Protocol: " PROTOCOL "\r\n\r\n",
                 is_ipv6 ? "[" : "", host != NULL ? host : "tryst", is_ipv6 ? "]" : "", where, key);
    return size > 0 && size < TR_UPGRADE_HEAD ? (size_t)size : 0;
}

static bool is_token_character(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

/* Notes what a line of a head says. false: it is no field, or one of ours a second time. */
static bool read_field(struct fields *fields, char *line)
{
    static const char *const names[FIELD_COUNT] = {
#define FIELD_ROW(name, text) text,
        FIELDS(FIELD_ROW)
#undef FIELD_ROW
    };
    char *colon = line;
    while (is_token_character(*colon))
        colon++;
    if (colon == line || *colon != ':')
        return false;
    *colon = '\0';
    char *value = colon + 1 + strspn(colon + 1, " \t");
    for (size_t end = strlen(value); end > 0 && strchr(" \t", value[end - 1]) != NULL; end--)
        value[end - 1] = '\0';
    for (const char *p = value; *p != '\0'; p++)
        if (((unsigned char)*p < ' ' && *p != '\t') || *p == 0x7f)
            return false;
    for (int i = 0; i < FIELD_COUNT; i++) {
        if (strcasecmp(line, names[i]) != 0)
            continue;
        if (fields->values[i] != NULL)
            return false;
        fields->values[i] = value;
    }
    return true;
}

/* Splits a head at its line ends, which are CR LF and nothing else. first: its first line. */
static bool read_head(char *head, size_t size, const char **first, struct fields *fields)
{
    memset(fields, 0, sizeof(*fields));
    *first = head;
    if (strlen(head) != size)
        return false;
    for (char *line = head; *line != '\0';) {
        char *end = strstr(line, "\r\n");
        if (end == NULL)
            return false;
        *end = '\0';
        if (strchr(line, '\n') != NULL || strchr(line, '\r') != NULL)
            return false;
        if (line != head && line != end && !read_field(fields, line))
            return false;
        line = end + 2;
    }
    return true;
}

/* Whether a list of tokens has one. */
static bool has_token(const char *list, const char *token, bool any_case)
{
    size_t wanted = strlen(token);
    while (list != NULL && *list != '\0') {
        list += strspn(list, " \t,");
        size_t size = strcspn(list, " \t,");
        if (size == wanted &&
            (any_case ? strncasecmp(list, token, size) : strncmp(list, token, size)) == 0)
            return true;
        list += size;
    }
    return false;
}

/* 16 bytes in base64: 22 characters, of which the last has 2 bits, and "==". */
static bool is_key(const char *key)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    return key != NULL && strlen(key) == TR_UPGRADE_KEY - 1 && strspn(key, digits) == 22 &&
           strchr("AQgw", key[21]) != NULL && strcmp(key + 22, "==") == 0;
}

static bool is_switch(const struct fields *fields)
{
    return has_token(fields->values[FIELD_UPGRADE], "websocket", true) &&
           has_token(fields->values[FIELD_CONNECTION], "upgrade", true);
}

static bool refuse(char answer[TR_UPGRADE_HEAD], const char *status)
{
    snprintf(answer, TR_UPGRADE_HEAD,
             "HTTP/1.1 %s\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", status);
    return false;
}

bool tr_upgrade_answer(char *head, size_t size, char answer[TR_UPGRADE_HEAD])
{
    struct fields fields;
    const char *first;
    char accept[TR_UPGRADE_ACCEPT];
    if (!read_head(head, size, &first, &fields))
        return refuse(answer, "400 Bad Request");
    if (strncmp(first, "GET ", 4) != 0 || strlen(first) < 13 ||
        strcmp(first + strlen(first) - 9, " HTTP/1.1") != 0)
        return refuse(answer, "400 Bad Request");
    if (strcmp(first, "GET " PATH " HTTP/1.1") != 0)
        return refuse(answer, "404 Not Found");
    const char *version = fields.values[FIELD_VERSION];
    if (!is_switch(&fields) || version == NULL || strcmp(version, "13") != 0)
        return refuse(answer, "426 Upgrade Required\r\nUpgrade: websocket\r\n"
                              "Sec-WebSocket-Version: 13");
    if (fields.values[FIELD_HOST] == NULL || !is_key(fields.values[FIELD_KEY]) ||
        !has_token(fields.values[FIELD_PROTOCOL_NAMES], PROTOCOL, false))
        return refuse(answer, "400 Bad Request");
    tr_upgrade_accept(accept, fields.values[FIELD_KEY]);
    snprintf(answer, TR_UPGRADE_HEAD,
             "HTTP/1.1 101 Switching Protocols\r\n"
             "Upgrade: websocket\r\n"
             "Connection: Upgrade\r\n"
             "Sec-WebSocket-Accept: %s\r\n"
             "Sec-WebSocket-Protocol: " PROTOCOL "\r\n\r\n",
             accept);
    return accept[0] != '\0';
}

bool tr_upgrade_agrees(char *head, size_t size, const char key[TR_UPGRADE_KEY])
{
    struct fields fields;
    const char *first;
    char accept[TR_UPGRADE_ACCEPT];
    tr_upgrade_accept(accept, key);
    if (!read_head(head, size, &first, &fields) || accept[0] == '\0' ||
        strncmp(first, "HTTP/1.1 101", 12) != 0 || (first[12] != ' ' && first[12] != '\0'))
        return false;
    const char *accepted = fields.values[FIELD_ACCEPT];
    const char *protocol = fields.values[FIELD_PROTOCOL_NAMES];
    return is_switch(&fields) && accepted != NULL && strcmp(accepted, accept) == 0 &&
           protocol != NULL && strcmp(protocol, PROTOCOL) == 0 &&
           fields.values[FIELD_EXTENSIONS] == NULL;
}

#endif
