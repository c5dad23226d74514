/* The list of stories: what each tells, and how many seeds of it the checks take.
 * SPDX-License-Identifier: MIT */
#ifndef SIM_STORY_H
#define SIM_STORY_H

#include "tests/sim/sim_client.h"
#include "tests/sim/sim_events.h"
#include "tests/sim/sim_ledger.h"
#include "tests/sim/sim_server.h"
#include "tests/sim/sim_site.h"
#include "tests/sim/sim_world.h"

/* One way from a site to the core: with all at it, 50 ms to the server and back, and to a peer. */
#define SIM_DELAY_US 12500
#define SIM_RTT_US (4 * SIM_DELAY_US)

/* X(function, name, seeds in the checks, what it tells); 0 seeds: only when asked for. */
#define SIM_STORIES(X)                                                                             \
    X(cold, "cold", 3, "two join with no cookie yet: one server round trip more")                  \
    X(late_joiner, "late-joiner", 3, "one joins five that are there")                              \
    X(storm, "storm", 1, "64 join at once")                                                        \
    X(leave, "leave", 3, "one leaves; the other is told at once")                                  \
    X(silence, "silence", 3, "one dies silently; its death is announced")                          \
    X(crash, "crash", 5, "one crashes and comes again with the same identity")                     \
    X(twice, "twice", 5, "one identity joins from two places")                                     \
    X(sessions, "sessions", 3, "two sessions on one server know nothing of each other")            \
    X(restart, "restart", 5, "the server restarts; peers notice nothing, rosters are whole")       \
    X(many_restart, "many-restart", 3, "a server of 50 sessions is killed; all are back in 3 s")   \
    X(outage, "outage", 3, "the server is away for two minutes")                                   \
    X(shutdown, "shutdown", 2, "the server says that it goes; peers go on")                        \
    X(lossy, "lossy", 10, "30 % loss each way")                                                    \
    X(burst, "burst", 5, "losses in bursts")                                                       \
    X(dirty, "dirty", 10, "jitter, reordering, duplicates and flipped bits")                       \
    X(still, "still", 3, "ticks at one moment, output and events taken late")                      \
    X(rebind, "rebind", 10, "a NAT forgets its mappings in mid-session")                           \
    X(short_memory, "short-memory", 3, "NATs that forget after 30 s, an idle session")             \
    X(cut, "cut", 5, "an uplink is away for 50 s and comes back")                                  \
    X(dual_homed, "dual-homed", 4, "two uplinks, either dead")                                     \
    X(move, "move", 5, "the working uplink dies, the other takes over")                            \
    X(long_run, "long", 2, "ten minutes of talk over five rekeys")                                 \
    X(poison, "poison", 3, "gateways that keep a stranger's tuple for themselves")                 \
    X(poison_late, "poison-late", 24, "the same, one side 200 ms late: direct within a second")    \
    X(poison_dual, "poison-dual", 4, "the same, registered over IPv6, or with two uplinks")        \
    X(poison_after, "poison-after", 8, "the same, after somebody who never answered")              \
    X(poison_mesh, "poison-mesh", 20, "the same among four, one after another")                    \
    X(second_family, "second-family", 3, "idle on IPv6, an IPv4 newcomer after the NAT forgot")    \
    X(mixed_mesh, "mixed-mesh", 3, "eight in mixed NATs")                                          \
    X(flood, "flood", 5, "garbage, mutants and replays at everybody")                              \
    X(hijack, "hijack", 10, "copies of hellos and data from other addresses")                      \
    X(ghost, "ghost", 10, "the REGISTER of one who left is said again")                            \
    X(victim, "victim", 3, "a participant names a victim's addresses as its own")                  \
    X(relayed, "relayed", 4, "no hole can be punched: relayed as soon as the roster is there")     \
    X(handover, "handover", 20, "from the relay to a direct path, nothing lost or out of order")   \
    X(relay_wish, "relay-wish", 4, "one side wants no relay, or nothing else")                     \
    X(sick, "sick", 30, "the direct path fails one way, for DATA, by loss, by size, or all of it") \
    X(narrow, "narrow", 5, "a path that drops what is large is not kept")                          \
    X(jitter, "jitter", 3, "two ways that jitter: at most one move a minute")                      \
    X(roam, "roam", 40, "another network, NAT mapping or public address: a gap of at most 1 s")    \
    X(sleep, "sleep", 20, "a minute asleep, an hour of clock: as after roaming")                   \
    X(quiet, "quiet", 6, "idle behind NATs with a memory of 20 s, and of 120")                     \
    X(sparse, "sparse", 10, "a word now and then, after pauses of up to 150 s")                    \
    X(blocked, "blocked", 12, "networks without UDP, or with nothing but HTTPS")                   \
    X(relay_restart, "relay-restart", 10, "the server dies under a relayed pair and returns")      \
    X(sequential, "sequential", 6, "a NAT whose ports follow each other: 90 of 100 in 2 s")        \
    X(spray, "spray", 2, "a NAT with any port for each destination: 95 of 100 in 3 s")             \
    X(blocks, "blocks", 2, "random ports in blocks on both sides: 95 in 3 s, 90 in 6 s")           \
    X(ladders, "ladders", 2, "ports that follow each other on both sides")                         \
    X(mapped, "mapped", 4, "a port that the home router was asked for, between hard NATs")         \
    X(hopeless, "hopeless", 2, "any port for each destination on both sides: nothing is sprayed")  \
    X(why, "why", 12, "each side says truly why a pair is as it is, and when")                     \
    X(denied, "denied", 2, "one side's option denies sprays")                                      \
    X(aim, "aim", 4, "a liar aims sprays at a neighbour: 16 packets in 15 minutes")                \
    X(aim_again, "aim-again", 3, "the same, and lets itself be found each time")                   \
    X(survey, "survey", 20, "every kind of NAT is known within a second, by one address or two")   \
    X(survey_lossy, "survey-lossy", 5, "the same at 10 % loss: mapping is right")                  \
    X(survey_moves, "survey-moves", 5, "another network, another NAT: known again")                \
    X(hard_cold, "hard-cold", 3, "no cookie yet, a NAT to be sprayed: direct in 3 s")              \
    X(hard_dual, "hard-dual", 3, "the same with IPv6, whose cookie comes first: direct in 3 s")    \
    X(hard_stale, "hard-stale", 2, "ports that follow each other, ten minutes later: 90 % in 3 s") \
    X(random_story, "random", 1000, "random topology, faults and deeds, then quiet")

#define SIM_STORY_DECLARE(function, name, seeds, text)                                             \
    void sim_story_##function(struct sim_world *w);
SIM_STORIES(SIM_STORY_DECLARE)
#undef SIM_STORY_DECLARE

/* Two clients of these kinds, warm, joined at one moment; returns when both have their cookie. */
struct sim_two {
    struct sim_client *a;
    struct sim_client *b;
};
struct sim_two sim_two_make(struct sim_world *w, enum sim_site_kind a, enum sim_site_kind b);
void sim_two_join(struct sim_world *w, struct sim_two two);

/* Starts all clients and lets them fetch their cookies; lets all join one session. */
void sim_start_all(struct sim_world *w);
void sim_join_all(struct sim_world *w);

/* Waits until all are connected to all; fails after limit_us. */
void sim_await_mesh(struct sim_world *w, uint64_t limit_us);

/* Everybody sends one message to everybody; on quiet lines all of them must come. */
void sim_expect_talk(struct sim_world *w);

/* Whether every running pair of a session is connected, both ways. */
bool sim_is_mesh(struct sim_world *w);

/* The matrix of kinds: cells by number, with name, expected outcome and bounds. */
uint32_t sim_matrix_count(void);
void sim_matrix_name(uint32_t cell, char *name, size_t size);
/* got_us: when the first message came to each side after the joins, 0 never. */
void sim_matrix_run(struct sim_world *w, uint32_t cell, uint64_t got_us[2]);
void sim_matrix_bounds(uint32_t cell, uint64_t bound_us[2]);
bool sim_matrix_is_direct(enum sim_site_kind a, enum sim_site_kind b);

/* Time to connect against the least, over round trips and losses. 0 when the figures are reached. */
int sim_connect_report(uint32_t seeds);

#endif
