/* The limits' defaults and ranges.
 * SPDX-License-Identifier: MIT */
#include "server/limits.h"

bool tr_limits_fill(struct tr_service_limits *limits)
{
    struct tr_service_limits filled = *limits;

#define FILL_ROW(field, normal, least, most, text)                                                 \
    if (filled.field == 0)                                                                         \
        filled.field = (normal);                                                                   \
    if (filled.field < (least) || filled.field > (most))                                           \
        return false;
    TR_SERVICE_LIMITS(FILL_ROW)
#undef FILL_ROW
    if (filled.expire_ms <= filled.keepalive_ms || filled.relay > TR_RELAY_DENY)
        return false;
    *limits = filled;
    return true;
}
