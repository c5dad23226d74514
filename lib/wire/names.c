/* What the wire says instead of names: the ids of an app and of a session in it.
 * SPDX-License-Identifier: MIT */
#include "lib/wire/names.h"

#include "lib/seal/seal.h"
#include <assert.h>
#include <string.h>

static_assert(TRYST_APP_ID_SIZE == TR_APP_BYTES && TRYST_SESSION_ID_SIZE == TR_SESSION_BYTES,
              "one size of ids");

tryst_result tryst_app_id(uint8_t id[TRYST_APP_ID_SIZE], const char *app)
{
    uint8_t hash[16]; /* the shortest that BLAKE2b gives */

    if (id == NULL)
        return TRYST_E_ARGUMENT;
    if (app == NULL)
        app = "";
    tr_seal_hash(hash, sizeof hash, "tryst1 app", NULL, 0, app, strlen(app));
    memcpy(id, hash, TRYST_APP_ID_SIZE);
    return TRYST_OK;
}

void tr_names_session(uint8_t id[TR_SESSION_BYTES], const uint8_t app[TR_APP_BYTES],
                      const char *session, size_t size)
{
    uint8_t named[TR_APP_BYTES + TRYST_SESSION_NAME_MAX];

    assert(size <= TRYST_SESSION_NAME_MAX);
    memcpy(named, app, TR_APP_BYTES);
    memcpy(named + TR_APP_BYTES, session, size);
    tr_seal_hash(id, TR_SESSION_BYTES, "tryst1 session", NULL, 0, named, TR_APP_BYTES + size);
}

tryst_result tryst_session_id(uint8_t id[TRYST_SESSION_ID_SIZE], const char *app,
                              const char *session)
{
    uint8_t app_id[TR_APP_BYTES];

    if (id == NULL || session == NULL || *session == '\0')
        return TRYST_E_ARGUMENT;

    size_t size = strlen(session);

    if (size > TRYST_SESSION_NAME_MAX)
        return TRYST_E_SIZE;
    tryst_app_id(app_id, app);
    tr_names_session(id, app_id, session, size);
    return TRYST_OK;
}
