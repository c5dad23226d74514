/* Cases of lib/driver/igd, with home routers made on loopback.
 * SPDX-License-Identifier: MIT */
#include "lib/driver/igd.h"

#include "tests/unit/unit.h"

#ifdef TR_WITH_PORT_MAPPING

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#define GATEWAY "127.0.0.1"
#define OTHER "127.0.0.9"
#define GROUP "239.255.255.250"
#define EXTERNAL "9.0.0.1"
#define URN "urn:schemas-upnp-org:"

/* A router: who answers searches, at which address, and where it says that it is controlled. */
struct fake {
    const char *host, *control_host;
    int search, web, end[2];
    uint16_t port;
    pthread_t thread;
};

static int open_at(int type, const char *host, uint16_t port, uint16_t *bound)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(port)};
    socklen_t size = sizeof name;
    int yes = 1, fd = socket(AF_INET, type, 0);
    inet_pton(AF_INET, host, &name.sin_addr);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(fd, (struct sockaddr *)&name, sizeof name) != 0 ||
        getsockname(fd, (struct sockaddr *)&name, &size) != 0) {
        close(fd);
        return -1;
    }
    if (bound != NULL)
        *bound = ntohs(name.sin_port);
    return fd;
}

static void answer_search(const struct fake *fake)
{
    char text[1024];
    struct sockaddr_in from;
    socklen_t size = sizeof from;
    ssize_t got = recvfrom(fake->search, text, sizeof text - 1, 0, (struct sockaddr *)&from, &size);
    text[got > 0 ? got : 0] = '\0';
    if (strstr(text, "InternetGatewayDevice:1") == NULL)
        return;
    int length = snprintf(text, sizeof text,
                          "HTTP/1.1 200 OK\r\nST: " URN "device:InternetGatewayDevice:1\r\n"
                          "USN: uuid:1\r\nLOCATION: http://%s:%u/desc.xml\r\n\r\n",
                          fake->host, fake->port);
    sendto(fake->search, text, (size_t)length, 0, (struct sockaddr *)&from, size);
}

static int write_description(const struct fake *fake, char *text, size_t size)
{
    return snprintf(
        text, size,
        "<?xml version=\"1.0\"?><root><URLBase>http://%s:%u</URLBase><device>"
        "<deviceType>" URN "device:InternetGatewayDevice:1</deviceType><deviceList><device>"
        "<deviceType>" URN "device:WANDevice:1</deviceType><serviceList><service>"
        "<serviceType>" URN "service:WANCommonInterfaceConfig:1</serviceType>"
        "<controlURL>/common</controlURL></service></serviceList><deviceList><device>"
        "<deviceType>" URN "device:WANConnectionDevice:1</deviceType><serviceList><service>"
        "<serviceType>" URN "service:WANIPConnection:1</serviceType>"
        "<controlURL>/control</controlURL></service></serviceList></device></deviceList>"
        "</device></deviceList></device></root>",
        fake->control_host, fake->port);
}

static void answer_web(const struct fake *fake)
{
    char text[4096], body[2048];
    int fd = accept(fake->web, NULL, NULL), length;
    ssize_t got = recv(fd, text, sizeof text - 1, 0);
    for (ssize_t more = got; more > 0 && strncmp(text, "POST", 4) == 0 && got < 4000;) {
        text[got] = '\0';
        if (strstr(text, "Envelope>") != NULL)
            break;
        more = recv(fd, text + got, sizeof text - 1 - (size_t)got, 0);
        got += more > 0 ? more : 0;
    }
    text[got > 0 ? got : 0] = '\0';
    if (strncmp(text, "GET", 3) == 0)
        length = write_description(fake, body, sizeof body);
    else
        length = snprintf(body, sizeof body,
                          "<?xml version=\"1.0\"?><Envelope><Body><r>%s</r></Body></Envelope>",
                          strstr(text, "#GetStatusInfo") != NULL
                              ? "<NewConnectionStatus>Connected</NewConnectionStatus>"
                              : "<NewExternalIPAddress>" EXTERNAL "</NewExternalIPAddress>");
    dprintf(fd, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", length,
            body);
    close(fd);
}

static void *serve(void *argument)
{
    struct fake *fake = argument;
    for (;;) {
        struct pollfd fds[3] = {{.fd = fake->end[0], .events = POLLIN},
                                {.fd = fake->search, .events = POLLIN},
                                {.fd = fake->web, .events = POLLIN}};
        poll(fds, 3, -1);
        if (fds[0].revents != 0)
            return NULL;
        if (fds[1].revents != 0)
            answer_search(fake);
        if (fds[2].revents != 0)
            answer_web(fake);
    }
}

/* false: this host lets us make none, and nothing can be said. */
static bool fake_start(struct fake *fake, const char *host, const char *control_host)
{
    struct ip_mreq group;
    *fake = (struct fake){.host = host, .control_host = control_host};
    inet_pton(AF_INET, GROUP, &group.imr_multiaddr);
    inet_pton(AF_INET, GATEWAY, &group.imr_interface);
    fake->search = open_at(SOCK_DGRAM, GROUP, 1900, NULL);
    fake->web = open_at(SOCK_STREAM, host, 0, &fake->port);
    bool is_good =
        fake->search >= 0 && fake->web >= 0 && listen(fake->web, 8) == 0 &&
        setsockopt(fake->search, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof group) == 0 &&
        pipe(fake->end) == 0;
    return is_good && pthread_create(&fake->thread, NULL, serve, fake) == 0;
}

static void fake_end(struct fake *fake)
{
    close(fake->end[1]);
    pthread_join(fake->thread, NULL);
    close(fake->end[0]);
    close(fake->search);
    close(fake->web);
}

static struct tr_errand errand_of(void)
{
    struct tr_errand errand = {.wake_fd = -1, .external_port = 5000, .lifetime_s = 1200};
    tryst_address_parse(&errand.gateway, GATEWAY ":1");
    tryst_address_parse(&errand.local, GATEWAY ":5000");
    return errand;
}

static void only_the_gateway_is_asked(void)
{
    static const struct {
        const char *host, *control_host;
        bool is_asked;
    } rows[] = {{GATEWAY, GATEWAY, true}, {OTHER, OTHER, false}, {GATEWAY, OTHER, false}};
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        struct tr_igd igd = {.control = ""};
        struct tr_errand errand = errand_of();
        struct tr_lease_answer answer;
        struct fake fake;
        if (!ASSERT_ROW(fake_start(&fake, rows[i].host, rows[i].control_host), "row %zu", i))
            return;
        tr_igd_find(&igd, &errand);
        ASSERT_TRUE(tr_igd_ask(&igd, &errand, &answer));
        ASSERT_ROW((answer.word == TR_LEASE_GRANTED) == rows[i].is_asked, "row %zu: %s, %d", i,
                   igd.control, answer.word);
        fake_end(&fake);
    }
}

static void router_that_began_anew_is_found_again(void)
{
    struct tr_igd igd = {.control = ""};
    struct tr_errand errand = errand_of();
    struct tr_lease_answer answer;
    struct fake fake;
    if (!ASSERT_TRUE(fake_start(&fake, GATEWAY, GATEWAY)))
        return;
    tr_igd_find(&igd, &errand);
    ASSERT_TRUE(tr_igd_ask(&igd, &errand, &answer) && answer.word == TR_LEASE_GRANTED);
    ASSERT_TRUE(tr_igd_is_known(&igd));
    fake_end(&fake);
    ASSERT_TRUE(tr_igd_ask(&igd, &errand, &answer) && answer.word == TR_LEASE_SILENT);
    ASSERT_FALSE(tr_igd_is_known(&igd));
    tr_igd_find(&igd, &errand); /* it is off still */
    ASSERT_TRUE(igd.control[0] != '\0');
    if (!ASSERT_TRUE(fake_start(&fake, GATEWAY, GATEWAY))) /* on another port */
        return;
    tr_igd_find(&igd, &errand);
    ASSERT_TRUE(tr_igd_is_known(&igd));
    ASSERT_TRUE(tr_igd_ask(&igd, &errand, &answer) && answer.word == TR_LEASE_GRANTED);
    fake_end(&fake);
}

UNIT_MAIN("igd", UNIT_CASE(only_the_gateway_is_asked),
          UNIT_CASE(router_that_began_anew_is_found_again))

#else

int main(void)
{
    printf("skipped: no home router is asked by this build\n");
    return 77;
}

#endif
