/* What the wire says instead of names: the ids of an app and of a session in it.
 * SPDX-License-Identifier: MIT */
#ifndef TR_NAMES_H
#define TR_NAMES_H

#include "lib/wire/message.h"
#include <tryst/policy.h>

/* session: 1 to TRYST_SESSION_NAME_MAX bytes. tryst_app_id and tryst_session_id are the public ones. */
void tr_names_session(uint8_t id[TR_SESSION_BYTES], const uint8_t app[TR_APP_BYTES],
                      const char *session, size_t size);

#endif
