/* Requests to the rules as people write them: one JSON object a line.
 * SPDX-License-Identifier: MIT */
#ifndef TR_REQUEST_JSON_H
#define TR_REQUEST_JSON_H

#include "lib/wire/policy_request.h"
#include <stdbool.h>

enum { TR_REQUEST_JSON_ERROR = 200 };

/* false: error says why. */
bool tr_request_json_read(struct tryst_policy_request *request, const char *line,
                          char error[TR_REQUEST_JSON_ERROR]);

/* An answer as a line, without its end, as tr_rehearse prints it; the caller frees it. NULL: no memory. */
char *tr_answer_json(uint32_t hook, const struct tryst_policy_answer *answer, uint32_t line,
                     double ms);

#endif
