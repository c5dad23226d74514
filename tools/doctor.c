/* One client a family, no session: what they learn by themselves is the examination.
 * SPDX-License-Identifier: MIT */
#include "tools/doctor.h"
#include "tools/diagnosis.h"
#include "tools/join.h"
#include "tools/output.h"
#include "tools/pathmtu.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>

enum { FAMILIES = 2 };

/* A client asks by a stream after 0.6 s without an answer by UDP, which may still come. */
#define STREAM_US 2000000
/* The other family's client has had its chance by then: the server answered in less, once. */
#define SECOND_US 2000000
/* Who cannot pass a datagram says so within this. */
#define MTU_US 300000

/* Finding a router by UPnP takes some seconds; where none of the protocols is built in, nothing begins. */
#define ROUTER_US 5000000
#define ROUTER_OFF_US 500000

struct patient {
    struct tryst_client *client;
    struct pathmtu pathmtu;
    uint64_t mtu_us; /* when it was asked; 0: not yet */
    bool is_unresolved;
    uint32_t lost_reason; /* enum tryst_reason: why the server was lost, last */
    bool is_timed;        /* its NAT's memory is, or was, measured */
    uint32_t transport;
};

struct doctor {
    const struct doctor_wish *wish;
    struct patient patients[FAMILIES]; /* IPv4, IPv6 */
    struct diagnosis diagnosis;
    uint64_t start_us;
};

static volatile sig_atomic_t is_stopped;

static void on_signal(int number)
{
    (void)number;
    is_stopped = 1;
}

/* The router's port is given back whatever ends us. What nohup lets pass stays so. */
static void catch_signals(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    const struct sigaction action = {.sa_handler = on_signal};
    struct sigaction before;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        if (sigaction(numbers[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
            sigaction(numbers[i], &action, NULL);
}

static struct diagnosis_family *family_of(struct doctor *doctor, unsigned i)
{
    return i == 0 ? &doctor->diagnosis.ipv4 : &doctor->diagnosis.ipv6;
}

/* Returns TRYST_OK also where this machine has no such family. */
static tryst_result admit(struct doctor *doctor, unsigned i)
{
    struct tryst_options options;
    tryst_options_init(&options);
    options.server = doctor->wish->server;
    options.port = i == 0 ? doctor->wish->port : 0;
    options.tcp_port = doctor->wish->tcp_port;
    options.tls_port = doctor->wish->tls_port;
    options.port_mapping = doctor->wish->port_mapping;
    options.no_ipv6 = i == 0;
    options.no_ipv4 = i == 1;
    tryst_result result = tryst_client_create(&doctor->patients[i].client, NULL, &options);
    family_of(doctor, i)->is_asked = result == TRYST_OK;
    return i == 1 && result == TRYST_E_NETWORK ? TRYST_OK : result;
}

static void note_locals(struct doctor *doctor, unsigned i)
{
    struct tryst_address local[TRYST_LOCAL_MAX];
    tryst_result count = tryst_client_local(doctor->patients[i].client, local, TRYST_LOCAL_MAX);
    bool is_first =
        true; /* the one that leads to the server; a VPN's may be out of 100.64.0.0/10, too */
    for (tryst_result j = 0; j < count && j < TRYST_LOCAL_MAX; j++) {
        int32_t class = tryst_address_classify(&local[j]);
        if (local[j].family != (i == 0 ? 4 : 6) || class == TRYST_ADDRESS_LINK_LOCAL)
            continue;
        family_of(doctor, i)->has_local = true;
        doctor->diagnosis.is_local_carrier |= is_first && class == TRYST_ADDRESS_CARRIER;
        is_first = false;
    }
}

/* What a client says, and has learnt by now. */
static void look(struct doctor *doctor, unsigned i)
{
    struct patient *patient = &doctor->patients[i];
    struct diagnosis_family *family = family_of(doctor, i);
    struct tryst_event event;
    while (tryst_client_poll(patient->client, &event) > 0) {
        if (event.type == TRYST_EVENT_COOKIE)
            patient->transport = event.address.transport;
        if (event.type == TRYST_EVENT_SERVER_LOST)
            patient->lost_reason = event.reason;
        patient->is_unresolved = event.type == TRYST_EVENT_SERVER_LOST
                                     ? event.stage == TRYST_STAGE_RESOLVE
                                     : patient->is_unresolved;
    }
    note_locals(doctor, i);
    tryst_client_survey(patient->client, &family->survey);
    if (i == 0)
        tryst_client_portmap(patient->client, &doctor->diagnosis.portmap);
    family->is_answered = family->survey.state != TRYST_SURVEY_NONE;
    family->has_server = !patient->is_unresolved;
    family->rtt_us = family->survey.rtt_us;
    family->public_address = family->survey.public_address;
    if (i == 0 && family->survey.state == TRYST_SURVEY_DONE && !patient->is_timed &&
        doctor->wish->lifetime_s != 0) {
        patient->is_timed = true;
        tryst_client_lifetime(patient->client, doctor->wish->lifetime_s);
        tryst_client_survey(patient->client, &family->survey);
    }
    if (family->is_answered && patient->mtu_us == 0) {
        patient->pathmtu = pathmtu_ask(&family->survey.server);
        patient->mtu_us = output_now();
    }
}

/* The router has answered, or will not. */
static bool is_router_heard(const struct doctor *doctor, uint64_t now_us)
{
    const struct diagnosis *diagnosis = &doctor->diagnosis;
    uint64_t since_us = now_us - doctor->patients[0].mtu_us;
    if (diagnosis->ipv4.survey.mapping == TRYST_MAPPING_NONE ||
        diagnosis->portmap.state == TRYST_PORTMAP_HELD ||
        diagnosis->portmap.state == TRYST_PORTMAP_WAITING)
        return true;
    return since_us >= (diagnosis->portmap.state == TRYST_PORTMAP_OFF ? ROUTER_OFF_US : ROUTER_US);
}

/* Nothing more is to come of this one. */
static bool is_examined(struct doctor *doctor, unsigned i, uint64_t now_us)
{
    const struct patient *patient = &doctor->patients[i];
    const struct diagnosis_family *family = family_of(doctor, i);
    uint64_t age_us = now_us - doctor->start_us;
    if (!family->is_asked || patient->is_unresolved)
        return true;
    if (family->is_answered)
        return family->survey.state == TRYST_SURVEY_DONE &&
               family->survey.lifetime_state != TRYST_SURVEY_RUNNING &&
               (i != 0 || is_router_heard(doctor, now_us)) && now_us - patient->mtu_us >= MTU_US;
    if (!family->has_local || patient->transport != TRYST_TRANSPORT_UDP)
        return age_us >= STREAM_US;
    return family_of(doctor, 1 - i)->is_answered && age_us >= SECOND_US;
}

static uint64_t sooner(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static void wait_for_work(struct doctor *doctor, uint64_t until_us)
{
    struct pollfd fds[FAMILIES];
    nfds_t count = 0;
    uint64_t now_us = output_now();
    until_us = sooner(until_us, now_us + 50000); /* what is waited for is also a matter of time */
    for (unsigned i = 0; i < FAMILIES; i++) {
        struct tryst_client *client = doctor->patients[i].client;
        if (client == NULL)
            continue;
        int32_t client_ms = tryst_client_timeout_ms(client);
        if (client_ms >= 0)
            until_us = sooner(until_us, now_us + (uint64_t)client_ms * 1000);
        fds[count++] = (struct pollfd){.fd = tryst_client_fileno(client), .events = POLLIN};
    }
    (void)poll(fds, count, until_us > now_us ? (int)((until_us - now_us + 999) / 1000) : 0);
}

static tryst_result examine(struct doctor *doctor)
{
    uint64_t end_us = doctor->start_us + doctor->wish->timeout_us;
    for (;;) {
        bool is_over = true;
        for (unsigned i = 0; i < FAMILIES; i++) {
            if (doctor->patients[i].client == NULL)
                continue;
            tryst_result result = tryst_client_run(doctor->patients[i].client, 0);
            if (result < 0 && result != TRYST_E_INTERRUPTED)
                return result;
            look(doctor, i);
        }
        uint64_t now_us = output_now();
        for (unsigned i = 0; i < FAMILIES; i++)
            is_over = is_examined(doctor, i, now_us) && is_over;
        if (is_over || is_stopped || now_us >= end_us)
            return TRYST_OK;
        wait_for_work(doctor, end_us);
    }
}

static void discharge(struct doctor *doctor)
{
    struct diagnosis *diagnosis = &doctor->diagnosis;
    for (unsigned i = 0; i < FAMILIES; i++) {
        family_of(doctor, i)->mtu = pathmtu_answer(&doctor->patients[i].pathmtu);
        if (doctor->patients[i].transport != TRYST_TRANSPORT_UDP) {
            diagnosis->transport = doctor->patients[i].transport;
            diagnosis->is_streamed = !diagnosis->ipv4.is_answered && !diagnosis->ipv6.is_answered;
        }
        uint32_t reason = doctor->patients[i].lost_reason;
        if (reason != TRYST_REASON_SILENT && reason != TRYST_REASON_NO_CANDIDATE)
            diagnosis->lost_reason = reason != TRYST_REASON_NONE ? reason : diagnosis->lost_reason;
        tryst_client_destroy(doctor->patients[i].client);
    }
    diagnosis->took_us = output_now() - doctor->start_us;
}

int doctor_run(const struct doctor_wish *wish, uint64_t start_us)
{
    struct doctor doctor = {.wish = wish, .start_us = start_us};
    tryst_result result = TRYST_OK;
    catch_signals();
    for (unsigned i = 0; i < FAMILIES; i++)
        doctor.patients[i].pathmtu.descriptor = -1;
    for (unsigned i = 0; i < FAMILIES && result == TRYST_OK; i++)
        result = admit(&doctor, i);
    if (result == TRYST_OK)
        result = examine(&doctor);
    int why = errno;
    discharge(&doctor);
    if (result != TRYST_OK) {
        fprintf(stderr, "tryst: %s%s%s\n", tryst_result_text(result),
                result == TRYST_E_NETWORK ? ": " : "",
                result == TRYST_E_NETWORK ? strerror(why) : "");
        return STATUS_ERROR;
    }
    if (is_stopped)
        return STATUS_ERROR;
    if (wish->is_json)
        diagnosis_print_json(&doctor.diagnosis, stdout);
    else
        diagnosis_print(&doctor.diagnosis, stdout);
    return diagnosis_is_direct(&doctor.diagnosis) == TRYST_FINDING_YES ? STATUS_DONE
                                                                       : STATUS_UNLIKELY;
}
