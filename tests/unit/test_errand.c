/* Cases of lib/driver/errand, with a gateway made on loopback.
 * SPDX-License-Identifier: MIT */
#include "lib/driver/errand.h"

#include "tests/unit/unit.h"

#ifdef TR_WITH_PORT_MAPPING

#include <arpa/inet.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

/* Of loopback, and nobody's: its port 5351 is free. */
#define GATEWAY "127.53.51.9"

enum { ADDRESS_BYTES = 12, MAPPING_BYTES = 16 };

/* A NAT-PMP gateway (RFC 6886) that is away until it was asked twice, and answers all that waits then. */
struct sleeper {
    int fd;
    pthread_t thread;
};

static void answer_one(int fd, const uint8_t *request, const struct sockaddr_in *to)
{
    uint8_t data[MAPPING_BYTES] = {0, (uint8_t)(0x80 | request[1]), [8] = 9, [11] = 1};
    size_t size = ADDRESS_BYTES;
    if (request[1] == 1) {
        memcpy(data + 8, request + 4, 4); /* both ports, as wished */
        memcpy(data + 12, request + 8, 4);
        size = MAPPING_BYTES;
    }
    sendto(fd, data, size, 0, (const struct sockaddr *)to, sizeof *to);
}

static void *sleep_and_answer(void *argument)
{
    const struct sleeper *sleeper = argument;
    struct sockaddr_in from[3];
    uint8_t requests[3][64];
    for (int i = 0; i < 3; i++) {
        socklen_t size = sizeof from[i];
        if (recvfrom(sleeper->fd, requests[i], sizeof requests[i], 0, (struct sockaddr *)&from[i],
                     &size) < 2)
            return NULL; /* nobody asks any more */
        if (i == 1)
            answer_one(sleeper->fd, requests[0], &from[0]);
        if (i > 0)
            answer_one(sleeper->fd, requests[i], &from[i]);
    }
    return NULL;
}

static bool sleeper_start(struct sleeper *sleeper)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(TR_PCP_PORT)};
    const struct timeval patience = {.tv_sec = 2};
    inet_pton(AF_INET, GATEWAY, &name.sin_addr);
    sleeper->fd = socket(AF_INET, SOCK_DGRAM, 0);
    setsockopt(sleeper->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (bind(sleeper->fd, (struct sockaddr *)&name, sizeof name) == 0 &&
        pthread_create(&sleeper->thread, NULL, sleep_and_answer, sleeper) == 0)
        return true;
    close(sleeper->fd);
    return false;
}

static void natpmp_answer_that_comes_twice_is_not_the_next_one(void)
{
    struct tr_errand errand = {.wake_fd = -1, .external_port = 5001, .lifetime_s = 1200};
    struct tr_lease_answer answer;
    struct sleeper sleeper;
    char text[TRYST_ADDRESS_TEXT_SIZE];
    tryst_address_parse(&errand.gateway, GATEWAY ":1");
    tryst_address_parse(&errand.local, "127.0.0.1:5000");
    if (!ASSERT_TRUE(sleeper_start(&sleeper)))
        return;
    ASSERT_TRUE(tr_errand_natpmp(&errand, &answer));
    pthread_join(sleeper.thread, NULL);
    close(sleeper.fd);
    ASSERT_EQ_INT(answer.word, TR_LEASE_GRANTED);
    tryst_address_format(&answer.external, text, sizeof text);
    ASSERT_EQ_STR(text, "9.0.0.1:5001");
    ASSERT_EQ_UINT(answer.lifetime_s, 1200);
}

UNIT_MAIN("errand", UNIT_CASE(natpmp_answer_that_comes_twice_is_not_the_next_one))

#else

int main(void)
{
    printf("skipped: no home router is asked by this build\n");
    return 77;
}

#endif
