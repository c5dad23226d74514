/* How the own NAT maps, filters and chooses ports: learnt from the server's second port and second address,
 * for the registration to tell (`rendezvous.nat`).
 * SPDX-License-Identifier: MIT */
#ifndef TR_SURVEYOR_H
#define TR_SURVEYOR_H

#include "lib/core/lifetime.h"
#include "lib/core/rendezvous_state.h"
#include <tryst/survey.h>

enum tr_survey_stage {
    TR_SURVEY_IDLE,    /* a usable cookie leads to MAPPING */
    TR_SURVEY_MAPPING, /* is one public port kept for all? Where not PORTS follows, else FILTERING */
    TR_SURVEY_PORTS,   /* which ports do new mappings get? FILTERING */
    TR_SURVEY_FILTERING, /* who may answer? Asked from the begin on; LAST, or READY */
    TR_SURVEY_LAST,      /* hairpin and poison; READY */
    TR_SURVEY_READY,     /* another public address leads to MAPPING */
};

/* All zeros at the start. */
struct tr_survey {
    uint8_t stage; /* enum tr_survey_stage */
    bool is_off;   /* nobody is told an address of ours */
    bool is_stale; /* the local addresses changed, or time went on without us */
    uint8_t failures;
    uint8_t samples;
    uint8_t socket; /* the further one; 0: there is none */
    struct tryst_address server;
    struct tryst_address seen; /* our public address there */
    struct tryst_address other;
    uint16_t other_port;
    struct tr_prober prober;
    struct tr_lifetime lifetime;
    uint64_t started_us;
    uint64_t stage_us; /* when the stage began */
    uint64_t took_us;
    uint64_t again_us;   /* not before */
    uint64_t sampled_us; /* when nat.last was seen */
};

/* Before the rendezvous' own tick, so that a REGISTER of that moment says what is known. */
void tr_survey_tick(struct tr_survey *survey, struct tr_rendezvous *rendezvous,
                    const struct tr_peer_kit *kit);

/* Asks what is due: after all else of that moment, as five BINDs are long and a player waits for the rest. */
void tr_survey_send(struct tr_survey *survey, struct tr_rendezvous *rendezvous,
                    const struct tr_peer_kit *kit);
uint64_t tr_survey_deadline(const struct tr_survey *survey, const struct tr_rendezvous *rendezvous);

/* Whether a datagram, unchecked so far, is an answer to a probe, or a probe that came back. */
bool tr_survey_input(struct tr_survey *survey, uint64_t now_us, uint32_t socket,
                     const struct tryst_address *from, const void *data, size_t size);

/* A peer is about to try the ports that follow the newest one: where ours do so, has a look at it. Cheap
 * when there is no need. */
void tr_survey_refresh(struct tr_survey *survey, const struct tr_rendezvous *rendezvous,
                       const struct tr_peer_kit *kit);

/* Looks how long the NAT remembers, up to so many seconds. false: not now. */
bool tr_survey_lifetime(struct tr_survey *survey, const struct tr_rendezvous *rendezvous,
                        uint8_t seconds, const struct tr_peer_kit *kit);

/* The network may be another one: all is looked at again. */
void tr_survey_doubt(struct tr_survey *survey);

#endif
