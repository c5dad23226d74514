/* The answer's source, by what the client asks for.
 * SPDX-License-Identifier: MIT */
#include "server/vantage.h"

#include "lib/wire/message.h"
#include <string.h>

/* The other address of a family; NULL: none. */
static const struct tryst_address *other_of(const struct tr_vantage *vantage, uint8_t family)
{
    for (size_t i = 0; i < TR_VANTAGE_OTHERS; i++)
        if (family != 0 && vantage->other[i].family == family)
            return &vantage->other[i];
    return NULL;
}

static bool is_at_other_ip(const struct tr_vantage *vantage, const struct tryst_address *to)
{
    const struct tryst_address *other = other_of(vantage, to->family);
    return other != NULL && memcmp(other->ip, to->ip, sizeof to->ip) == 0;
}

static bool is_at_other_port(const struct tr_vantage *vantage, const struct tryst_address *to)
{
    return vantage->other_port != 0 && to->port == vantage->other_port;
}

bool tr_vantage_is_other(const struct tr_vantage *vantage, const struct tryst_address *to)
{
    return to->transport == TRYST_TRANSPORT_UDP &&
           (is_at_other_port(vantage, to) || is_at_other_ip(vantage, to));
}

struct tryst_address tr_vantage_other(const struct tr_vantage *vantage,
                                      const struct tryst_address *to)
{
    const struct tryst_address *other = other_of(vantage, to->family);
    if (other == NULL || is_at_other_ip(vantage, to))
        return (struct tryst_address){0};
    return *other;
}

bool tr_vantage_from(const struct tr_vantage *vantage, const struct tryst_address *to,
                     uint16_t flags, struct tryst_address *from)
{
    *from = *to;
    if ((flags & (TR_BIND_OTHER_PORT | TR_BIND_OTHER_ADDRESS)) == 0)
        return true;
    if (to->transport != TRYST_TRANSPORT_UDP)
        return false;
    if ((flags & TR_BIND_OTHER_ADDRESS) != 0) {
        struct tryst_address other = tr_vantage_other(vantage, to);
        if (other.family == 0)
            return false;
        memcpy(from->ip, other.ip, sizeof from->ip);
        from->scope = 0;
    }
    if ((flags & TR_BIND_OTHER_PORT) != 0) {
        if (vantage->other_port == 0)
            return false;
        from->port = is_at_other_port(vantage, to) ? vantage->port : vantage->other_port;
    }
    return true;
}
