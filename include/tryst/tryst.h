/* Everything that a game needs of tryst, in one include.
 * SPDX-License-Identifier: MIT */
#ifndef TRYST_TRYST_H
#define TRYST_TRYST_H

#include <tryst/address.h>
#include <tryst/base.h>
#include <tryst/client.h>
#include <tryst/counters.h>
#include <tryst/endpoint.h>
#include <tryst/event.h>
#include <tryst/identity.h>
#include <tryst/insight.h>
#include <tryst/keyfile.h>
#include <tryst/nat.h>
#include <tryst/options.h>
#include <tryst/pin.h>
#include <tryst/policy.h>
#include <tryst/portmap.h>
#include <tryst/survey.h>

#endif
