/* What an endpoint has learnt of the NAT that it is behind, with the help of the server's second port and
 * second address (RFC 5780, in this protocol's own datagrams).
 * SPDX-License-Identifier: MIT */
#ifndef TRYST_SURVEY_H
#define TRYST_SURVEY_H

#include <tryst/address.h>
#include <tryst/nat.h>

#ifdef __cplusplus
extern "C" {
#endif

/* X(name, number, text) */
#define TRYST_SURVEY_STATES(X)                                                                     \
    X(NONE, 0, "none")       /* no cookie by UDP came yet, or all goes by the relay */             \
    X(RUNNING, 1, "running") /* what is known so far is told */                                    \
    X(DONE, 2, "done")       /* all that can be asked of this server; again on another address */

enum tryst_survey_state {
#define TRYST_SURVEY_STATE_ROW(name, number, text) TRYST_SURVEY_##name = (number),
    TRYST_SURVEY_STATES(TRYST_SURVEY_STATE_ROW)
#undef TRYST_SURVEY_STATE_ROW
};

/* X(name, number, text): what a test came to. */
#define TRYST_FINDINGS(X)                                                                          \
    X(UNKNOWN, 0, "unknown") /* not tested, or it could not be */                                  \
    X(NO, 1, "no")                                                                                 \
    X(YES, 2, "yes")

enum tryst_finding {
#define TRYST_FINDING_ROW(name, number, text) TRYST_FINDING_##name = (number),
    TRYST_FINDINGS(TRYST_FINDING_ROW)
#undef TRYST_FINDING_ROW
};

/* X(name, number, text, sentence): what a survey lets one hope for between this endpoint and others. */
#define TRYST_OUTLOOKS(X)                                                                          \
    X(UNKNOWN, 0, "unknown", "too little is known of the NAT to say more")                         \
    X(OPEN, 1, "open", "there is no NAT in front of this host")                                    \
    X(EASY, 2, "easy", "the NAT keeps one public port for all destinations")                       \
    X(FORESEEN, 3, "foreseen",                                                                     \
      "the NAT takes another port for each destination, but they follow each other")               \
    X(GUESSED, 4, "guessed",                                                                       \
      "the NAT takes another port for each destination, but out of a small block")                 \
    X(HARD, 5, "hard",                                                                             \
      "the NAT takes any port for each destination: two such meet by the server alone")

enum tryst_outlook {
#define TRYST_OUTLOOK_ROW(name, number, text, sentence) TRYST_OUTLOOK_##name = (number),
    TRYST_OUTLOOKS(TRYST_OUTLOOK_ROW)
#undef TRYST_OUTLOOK_ROW
};

/* Seconds of pause that a NAT's memory may be measured over. */
#define TRYST_LIFETIME_LEAST 5
#define TRYST_LIFETIME_MOST 240

/* Bytes of a survey, pinned: bindings may rely on it. */
#define TRYST_SURVEY_SIZE 192

struct tryst_survey {
    uint32_t state;     /* enum tryst_survey_state */
    uint32_t mapping;   /* enum tryst_mapping */
    uint32_t filtering; /* enum tryst_filtering */
    uint32_t ports;     /* enum tryst_port_pattern */
    int32_t stride;     /* SEQUENTIAL: from one mapping to the next */
    uint16_t low;       /* RANDOM: the block that ports come from, as far as is known */
    uint16_t high;
    uint16_t last;    /* the newest public port that was seen */
    uint16_t samples; /* mappings that this rests on */
    uint8_t hairpin;  /* enum tryst_finding: what is sent to the own public address comes back */
    uint8_t poison;   /* enum tryst_finding: a stranger's packet that comes first takes the port */
    uint8_t other_port; /* enum tryst_finding: the server's second port answered, */
    uint8_t
        other_address; /* its second address did. Without: address-dependent mapping may be taken for
                              endpoint-independent, endpoint-independent filtering for address-dependent */
    uint32_t
        public_class;   /* enum tryst_address_class of the public address: CARRIER and PRIVATE when
                              the server is inside, too */
    uint32_t datagrams; /* sent for the last one */
    uint32_t took_us;   /* from its begin to its end */
    uint32_t rtt_us;    /* round trip to the server */
    struct tryst_address public_address; /* as the server sees the endpoint; family 0: not known */
    struct tryst_address server;         /* that was asked */
    uint16_t lifetime_s;                 /* longest pause after which an answer still came in, */
    uint16_t lifetime_lost_s; /* and shortest longer one after which none did; 0: none yet */
    uint8_t lifetime_state;   /* enum tryst_survey_state: NONE until it is asked for */
    uint8_t reserved[TRYST_SURVEY_SIZE - 12 * 4 - 2 * 24 - 5];
};

/* enum tryst_outlook; UNKNOWN for NULL. Threads any. Since 0.1 */
TRYST_API uint32_t tryst_survey_outlook(const struct tryst_survey *survey);

/* Its word, and a sentence without capital and full stop. Threads any. Since 0.1 */
TRYST_API const char *tryst_outlook_name(uint32_t outlook);
TRYST_API const char *tryst_outlook_text(uint32_t outlook);

/* Words; "unknown" for other numbers. Threads any. Since 0.1 */
TRYST_API const char *tryst_survey_state_name(uint32_t state);
TRYST_API const char *tryst_finding_name(uint32_t finding);

#ifdef __cplusplus
}
#endif

#endif
