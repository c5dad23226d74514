#!/bin/sh
# What `./bootstrap demo` runs: two players behind two home routers meet, told as a timeline.
# SPDX-License-Identifier: MIT
#
# TRYST_BUILD says where trystd and tryst were built; ./build by default.
command -v python3 >/dev/null || {
    echo "The demo needs python3. Install it (apt-get install python3) and run it again." >&2
    exit 1
}
exec python3 -B "$(dirname -- "$0")/timeline.py" "$@"
