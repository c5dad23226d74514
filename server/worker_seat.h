/* Which worker has which seat of a pool, and who comes after one that broke.
 * SPDX-License-Identifier: MIT */
#ifndef TR_WORKER_SEAT_H
#define TR_WORKER_SEAT_H

#include "server/worker_pool.h"

/* Who can be given a question now; NULL: nobody. */
struct tr_worker *tr_pool_idle_worker(const struct tr_pool *pool);

/* Bits of the seats whose workers are up. */
uint32_t tr_pool_seats_taken(const struct tr_pool *pool);

/* Finds who does everything, where one does and none is known. */
void tr_pool_seek_leader(struct tr_pool *pool);

/* A worker has ended, or is not to be given more. */
void tr_pool_leave_seat(struct tr_pool *pool, struct tr_worker *worker, uint64_t now_us);

/* Starts the workers that are due. */
void tr_pool_fill_seats(struct tr_pool *pool, uint64_t now_us);

/* Puts a new worker among the others. NULL: it was NULL. */
struct tr_worker *tr_pool_add_worker(struct tr_pool *pool, struct tr_worker *worker);

/* Ends a worker; what it had to do fails for this reason. */
void tr_pool_end_worker(struct tr_pool *pool, struct tr_worker *worker,
                        enum tryst_policy_failure failure, const char *detail, uint64_t now_us);

/* Whether process is called when it prints. */
void tr_pool_watch_output(struct tr_pool *pool, struct tr_worker *worker, bool is_watched);

/* Logs how one ended that nobody wanted to end. */
void tr_pool_tell_end(const struct tr_pool *pool, const struct tr_worker *worker, int status);

#endif
