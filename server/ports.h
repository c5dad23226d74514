/* Opens what the settings say is listened on: UDP, TCP, the further port and address for BIND, and
 * where counters are shown.
 * SPDX-License-Identifier: MIT */
#ifndef TR_PORTS_H
#define TR_PORTS_H

#include "server/admin.h"
#include "server/listener.h"
#include "server/log.h"
#include "server/settings.h"
#include "server/vantage.h"

struct tr_ports {
    struct tr_listener *listener;
    const struct tr_settings *settings;
    struct tr_log *log;
};

/* What cannot be opened and must be is told on stderr, and what to do about it; what need not be is a
 * warning in the log. vantage: filled as far as its sockets are there. */
bool tr_ports_open(const struct tr_ports *ports, struct tr_vantage *vantage);

/* Shows the counters where the settings say; *admin is NULL where they say nothing. false: it must and
 * cannot, as above. Ends before the listener. */
bool tr_ports_open_admin(const struct tr_ports *ports, const struct tr_admin_view *view,
                         struct tr_admin **admin);

/* An address for people. */
void tr_ports_format(const struct tryst_address *address, char text[TRYST_ADDRESS_TEXT_SIZE]);

/* The certificate that the settings name, or one of our own. NULL: error says why. */
struct tr_tunnel_tls *tr_ports_load_tls(const struct tr_settings_streams *streams,
                                        char error[TR_TUNNEL_ERROR]);

#endif
