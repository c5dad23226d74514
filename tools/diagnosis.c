/* Words for what was found.
 * SPDX-License-Identifier: MIT */
#include "tools/diagnosis.h"
#include <inttypes.h>
#include <string.h>

enum { CELL = 160, MASKED = 48 };

/* A port of the router leads here from everywhere. */
static bool is_mapped(const struct diagnosis *d)
{
    const struct tryst_address *external = &d->portmap.external;
    return d->portmap.state == TRYST_PORTMAP_HELD &&
           memcmp(external->ip, d->ipv4.public_address.ip, sizeof external->ip) == 0;
}

uint32_t diagnosis_is_direct(const struct diagnosis *d)
{
    if (!d->ipv4.is_answered && !d->ipv6.is_answered) /* a server that is off says nothing of us */
        return d->is_streamed ? TRYST_FINDING_NO : TRYST_FINDING_UNKNOWN;
    if (!d->ipv4.is_answered)
        return TRYST_FINDING_UNKNOWN;
    if (is_mapped(d))
        return TRYST_FINDING_YES;
    return tryst_survey_outlook(&d->ipv4.survey) == TRYST_OUTLOOK_UNKNOWN ? TRYST_FINDING_UNKNOWN
                                                                          : TRYST_FINDING_YES;
}

/* Enough to see which network it is, not which house: 203.0.113.x:5000, 2001:db8:1:x. */
static const char *masked(const struct tryst_address *a, char text[MASKED])
{
    if (a->family == 4)
        snprintf(text, MASKED, "%u.%u.%u.x:%u", a->ip[0], a->ip[1], a->ip[2], a->port);
    else if (a->family == 6)
        snprintf(text, MASKED, "[%x:%x:%x:x]:%u", a->ip[0] << 8 | a->ip[1],
                 a->ip[2] << 8 | a->ip[3], a->ip[4] << 8 | a->ip[5], a->port);
    else
        snprintf(text, MASKED, "unknown");
    return text;
}

/* No server by IPv4. */
static const char *verdict_without_ipv4(const struct diagnosis *d, char text[CELL])
{
    if (d->is_streamed)
        return "Direct play is not possible here: this network lets no UDP through. The server can "
               "be\n"
               "reached by TCP and carries what is said.";
    if (!d->ipv6.is_answered && d->lost_reason != TRYST_REASON_NONE) {
        snprintf(text, CELL, "Nothing can be said: %s.", tryst_reason_text(d->lost_reason));
        return text;
    }
    if (!d->ipv6.is_answered)
        return "Nothing can be said: the server does not answer, neither by UDP nor by TCP.";
    if (!d->ipv4.is_asked || !d->ipv4.has_local || !d->ipv4.has_server)
        return "Direct play with others who have IPv6 is likely; IPv4 could not be tested.";
    return "Direct play with others who have IPv6 is likely; by IPv4 the server does not answer.";
}

/* text: room for it, where it is put together. */
static const char *verdict(const struct diagnosis *d, char text[CELL])
{
    if (!d->ipv4.is_answered)
        return verdict_without_ipv4(d, text);
    uint32_t outlook = tryst_survey_outlook(&d->ipv4.survey);
    if (is_mapped(d) && outlook != TRYST_OUTLOOK_OPEN && outlook != TRYST_OUTLOOK_EASY)
        return "Direct play is likely with everybody: the NAT is a hard one, but the router gives "
               "a port\n"
               "that leads here.";
    switch (outlook) {
    case TRYST_OUTLOOK_OPEN:
        return "Direct play is likely with everybody: there is no NAT in front of this host.";
    case TRYST_OUTLOOK_EASY:
        return "Direct play is likely with nearly everybody: the NAT keeps one public port for "
               "all\n"
               "destinations.";
    case TRYST_OUTLOOK_FORESEEN:
        return "Direct play is likely with most: the NAT takes another port for each destination, "
               "but\n"
               "they follow each other and can be foretold.";
    case TRYST_OUTLOOK_GUESSED:
        return "Direct play is likely with most, after a second or two: the NAT takes another port "
               "for\n"
               "each destination, but out of a small block in which it can be found.";
    case TRYST_OUTLOOK_HARD:
        return "Direct play is likely with most, after a second or two, but not with others who "
               "are\n"
               "behind a NAT like this one: it takes any port for each destination.";
    default:
        if (d->ipv4.survey.state == TRYST_SURVEY_RUNNING)
            return "UDP works, but how the NAT behaves was not known when the time was over.";
        return "UDP works, but how the NAT behaves is not known: the server has no second port "
               "that\n"
               "answers.";
    }
}

/* X(key, what it says): the rows of the table, each made by a function. */
struct row {
    const char *name;
    void (*write)(const struct diagnosis *d, bool is_masked, char text[CELL]);
};

static void family_write(const struct diagnosis_family *f, bool is_masked, char text[CELL])
{
    char address[TRYST_ADDRESS_TEXT_SIZE];
    char mask[MASKED];
    if (f->is_answered) {
        if (!is_masked)
            tryst_address_format(&f->public_address, address, sizeof address);
        snprintf(text, CELL, "works, %.1f ms to the server; seen as %s", f->rtt_us / 1000.0,
                 is_masked ? masked(&f->public_address, mask) : address);
    } else if (!f->is_asked || !f->has_local) {
        snprintf(text, CELL, "this host has no address of it");
    } else if (!f->has_server) {
        snprintf(text, CELL, "not tested: the server has no address of it");
    } else {
        snprintf(text, CELL, "the server does not answer");
    }
}

static void ipv4_write(const struct diagnosis *d, bool is_masked, char text[CELL])
{
    family_write(&d->ipv4, is_masked, text);
}

static void ipv6_write(const struct diagnosis *d, bool is_masked, char text[CELL])
{
    family_write(&d->ipv6, is_masked, text);
}

static void streams_write(const struct diagnosis *d, bool is_masked, char text[CELL])
{
    (void)is_masked;
    if (d->is_streamed)
        snprintf(text, CELL, "works (%s)", d->transport == TRYST_TRANSPORT_TLS ? "TLS" : "TCP");
    else
        snprintf(text, CELL, "%s",
                 d->ipv4.is_answered || d->ipv6.is_answered ? "not needed" : "no answer");
}

static void mapping_write(const struct diagnosis *d, bool is_masked, char text[CELL])
{
    const struct tryst_survey *s = &d->ipv4.survey;
    (void)is_masked;
    bool is_partial =
        s->mapping == TRYST_MAPPING_ENDPOINT_INDEPENDENT && s->other_address != TRYST_FINDING_YES;
    snprintf(text, CELL, "%s%s",
             s->mapping == TRYST_MAPPING_NONE ? "no NAT" : tryst_mapping_name(s->mapping),
             is_partial ? ", as far as one server address can show" : "");
}

static void filtering_write(const struct diagnosis *d, bool is_masked, char text[CELL])
{
    const struct tryst_survey *s = &d->ipv4.survey;
    (void)is_masked;
    bool is_partial =
        s->filtering == TRYST_FILTERING_ADDRESS_DEPENDENT && s->other_address != TRYST_FINDING_YES;
    snprintf(text, CELL, "%s%s", tryst_filtering_name(s->filtering),
             is_partial ? ", or none: the server has one address" : "");
}

static void ports_write(const struct diagnosis *d, bool is_masked, char text[CELL])
{
    const struct tryst_survey *s = &d->ipv4.survey;
    (void)is_masked;
    if (s->ports == TRYST_PORTS_SEQUENTIAL)
        snprintf(text, CELL, "sequential, in steps of %+d", s->stride);
    else if (s->ports == TRYST_PORTS_RANDOM)
        snprintf(text, CELL, "random, %u to %u", s->low, s->high);
    else
        snprintf(text, CELL, "%s", tryst_port_pattern_name(s->ports));
}

static const char *said(uint32_t finding, const char *yes, const char *no)
{
    return finding == TRYST_FINDING_YES ? yes : finding == TRYST_FINDING_NO ? no : "not tested";
}

static void hairpin_write(const struct diagnosis *d, bool is_masked, char text[CELL])
{
    (void)is_masked;
    snprintf(text, CELL, "%s", said(d->ipv4.survey.hairpin, "yes", "no"));
}

static void poison_write(const struct diagnosis *d, bool is_masked, char text[CELL])
{
    (void)is_masked;
    snprintf(text, CELL, "%s",
             said(d->ipv4.survey.poison,
                  "yes: a packet that comes too early takes the port (drop it on WAN)", "no"));
}

static uint32_t carrier_of(const struct diagnosis *d)
{
    bool is_carrier =
        d->is_local_carrier || (d->portmap.why == TRYST_PORTMAP_DOUBLE_NAT && !is_mapped(d)) ||
        (d->ipv4.is_answered && d->ipv4.survey.public_class == TRYST_ADDRESS_CARRIER) ||
        (d->portmap.state == TRYST_PORTMAP_HELD && !is_mapped(d));
    if (is_carrier)
        return TRYST_FINDING_YES;
    bool is_none = is_mapped(d) || d->ipv4.survey.mapping == TRYST_MAPPING_NONE;
    return is_none ? TRYST_FINDING_NO : TRYST_FINDING_UNKNOWN;
}

static void carrier_write(const struct diagnosis *d, bool is_masked, char text[CELL])
{
    (void)is_masked;
    uint32_t carrier = carrier_of(d);
    snprintf(text, CELL, "%s",
             carrier == TRYST_FINDING_YES  ? "yes: there is another NAT behind the router's"
             : carrier == TRYST_FINDING_NO ? "no"
                                           : "not known: the router does not tell its own address");
}

static const char *protocol_of(const struct diagnosis *d)
{
    return d->portmap.state == TRYST_PORTMAP_HELD ? tryst_portmap_protocol_name(d->portmap.protocol)
                                                  : NULL;
}

static void router_write(const struct diagnosis *d, bool is_masked, char text[CELL])
{
    char address[TRYST_ADDRESS_TEXT_SIZE];
    char mask[MASKED];
    if (protocol_of(d) != NULL) {
        tryst_address_format(&d->portmap.external, address, sizeof address);
        snprintf(text, CELL, "%s gives %s", protocol_of(d),
                 is_masked ? masked(&d->portmap.external, mask) : address);
    } else if (d->portmap.state == TRYST_PORTMAP_OFF) {
        snprintf(text, CELL, "not asked");
    } else {
        snprintf(text, CELL, "none: %s",
                 d->portmap.state == TRYST_PORTMAP_ASKING ? "no answer so far"
                                                          : tryst_portmap_why_text(d->portmap.why));
    }
}

static void mtu_write(const struct diagnosis *d, bool is_masked, char text[CELL])
{
    const struct diagnosis_family *f = d->ipv4.is_answered ? &d->ipv4 : &d->ipv6;
    (void)is_masked;
    if (f->mtu != 0)
        snprintf(text, CELL, "%" PRIu32 " bytes to the server, as far as routers say", f->mtu);
    else
        snprintf(text, CELL, "unknown");
}

static void lifetime_write(const struct diagnosis *d, bool is_masked, char text[CELL])
{
    const struct tryst_survey *s = &d->ipv4.survey;
    (void)is_masked;
    if (s->lifetime_state == TRYST_SURVEY_NONE)
        snprintf(text, CELL, "not tested (--lifetime 240 does, and takes as long)");
    else if (s->lifetime_lost_s != 0)
        snprintf(text, CELL, "an idle port lasts for %u s, and not for %u", s->lifetime_s,
                 s->lifetime_lost_s);
    else
        snprintf(text, CELL, "an idle port lasts for %u s at least", s->lifetime_s);
}

static const struct row rows[] = {
    {"UDP over IPv4", ipv4_write},  {"UDP over IPv6", ipv6_write},  {"TCP", streams_write},
    {"mapping", mapping_write},     {"filtering", filtering_write}, {"ports", ports_write},
    {"hairpin", hairpin_write},     {"poison-prone", poison_write}, {"carrier NAT", carrier_write},
    {"port mapping", router_write}, {"memory", lifetime_write},     {"MTU", mtu_write},
};

static void table_print(const struct diagnosis *d, bool is_masked, FILE *stream)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[CELL];
        rows[i].write(d, is_masked, text);
        fprintf(stream, "  %-15s %s\n", rows[i].name, text);
    }
}

void diagnosis_print(const struct diagnosis *d, FILE *stream)
{
    const struct tryst_survey *s = &d->ipv4.survey;
    char text[CELL];
    fprintf(stream, "%s\n", verdict(d, text));
    if (d->ipv4.is_answered && d->ipv6.is_answered)
        fputs("By IPv6, with others who have it, too.\n", stream);
    fputc('\n', stream);
    table_print(d, false, stream);
    fprintf(stream, "\nFor a bug report (no full address in it):\n\n```\ntryst %s doctor\n",
            tryst_version());
    table_print(d, true, stream);
    fprintf(stream,
            "  survey          %s, outlook %s, %u samples, %" PRIu32 " datagrams, %.2f s\n```\n",
            tryst_survey_state_name(s->state), tryst_outlook_name(tryst_survey_outlook(s)),
            s->samples, s->datagrams, (double)s->took_us / 1e6);
}

static void json_finding(FILE *stream, const char *key, uint32_t finding)
{
    const char *word = finding == TRYST_FINDING_YES ? "true" : "false";
    fprintf(stream, ",\"%s\":%s", key, finding == TRYST_FINDING_UNKNOWN ? "null" : word);
}

static void json_family(FILE *stream, const char *key, const struct diagnosis_family *f)
{
    char address[TRYST_ADDRESS_TEXT_SIZE];
    bool is_tested = f->is_asked && f->has_server;
    fprintf(stream, ",\"%s\":%s", key,
            f->is_answered               ? "true"
            : is_tested || !f->has_local ? "false"
                                         : "null");
    if (!f->is_answered)
        return;
    tryst_address_format(&f->public_address, address, sizeof address);
    fprintf(stream, ",\"%s_address\":\"%s\",\"%s_rtt_us\":%" PRIu32, key, address, key, f->rtt_us);
    if (f->mtu != 0)
        fprintf(stream, ",\"%s_mtu\":%" PRIu32, key, f->mtu);
}

void diagnosis_print_json(const struct diagnosis *d, FILE *stream)
{
    const struct tryst_survey *s = &d->ipv4.survey;
    fprintf(stream, "{\"version\":\"%s\"", tryst_version());
    json_finding(stream, "direct_likely", diagnosis_is_direct(d));
    fprintf(stream, ",\"outlook\":\"%s\"", tryst_outlook_name(tryst_survey_outlook(s)));
    json_family(stream, "ipv4", &d->ipv4);
    json_family(stream, "ipv6", &d->ipv6);
    fprintf(stream, ",\"udp\":%s", d->ipv4.is_answered || d->ipv6.is_answered ? "true" : "false");
    if (d->is_streamed)
        fprintf(stream, ",\"stream\":\"%s\"", d->transport == TRYST_TRANSPORT_TLS ? "tls" : "tcp");
    fprintf(stream, ",\"survey\":\"%s\",\"mapping\":\"%s\",\"filtering\":\"%s\",\"ports\":\"%s\"",
            tryst_survey_state_name(s->state), tryst_mapping_name(s->mapping),
            tryst_filtering_name(s->filtering), tryst_port_pattern_name(s->ports));
    if (s->ports == TRYST_PORTS_SEQUENTIAL)
        fprintf(stream, ",\"stride\":%d", s->stride);
    if (s->ports == TRYST_PORTS_RANDOM)
        fprintf(stream, ",\"port_low\":%u,\"port_high\":%u", s->low, s->high);
    json_finding(stream, "hairpin", s->hairpin);
    json_finding(stream, "poison_prone", s->poison);
    json_finding(stream, "carrier_nat", carrier_of(d));
    json_finding(stream, "server_other_port", s->other_port);
    json_finding(stream, "server_other_address", s->other_address);
    if (protocol_of(d) != NULL)
        fprintf(stream, ",\"port_mapping\":\"%s\"", protocol_of(d));
    else
        fprintf(stream, ",\"port_mapping\":%s",
                d->portmap.state == TRYST_PORTMAP_WAITING ? "false" : "null");
    if (s->lifetime_state == TRYST_SURVEY_DONE)
        fprintf(stream, ",\"lifetime_s\":%u,\"lifetime_lost_s\":%u", s->lifetime_s,
                s->lifetime_lost_s);
    fprintf(stream,
            ",\"samples\":%u,\"datagrams\":%" PRIu32 ",\"survey_us\":%" PRIu32
            ",\"took_us\":%" PRIu64 "}\n",
            s->samples, s->datagrams, s->took_us, d->took_us);
}
