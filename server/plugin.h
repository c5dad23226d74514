/* A policy plug-in, found by what a script is written in, and loaded.
 * SPDX-License-Identifier: MIT */
#ifndef TR_PLUGIN_H
#define TR_PLUGIN_H

#include <stddef.h>
#include <tryst/policy.h>

enum { TR_PLUGIN_ERROR = 512 }; /* bytes of why not, and its NUL */

/* script: FILE.lua and FILE.py go with policy-lua.so and policy-python.so of the folder, FILE.so is a
 * plug-in by itself. NULL: none, and error says why. It stays loaded: nothing is known of the threads
 * that a plug-in made. */
const struct tryst_policy_plugin *tr_plugin_load(const char *folder, const char *script,
                                                 char error[TR_PLUGIN_ERROR]);

#endif
