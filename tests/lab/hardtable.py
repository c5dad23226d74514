"""The figures of hard NATs as a table.

SPDX-License-Identifier: MIT
"""

from hard_cases import DIRECT
from labtable import figure, percentile

BEGIN = "<!-- hard:begin -->"
END = "<!-- hard:end -->"


def row(story, tries):
    """One line: a story and its tries."""
    good = [one for one in tries if not one.wrong]
    times = [one.direct_ms if story.outcome == DIRECT else one.relay_ms for one in good]
    slow = [one for one in tries if one.wrong and one.direct_ms is not None]
    sockets = max((max(one.sockets) for one in tries if one.sockets), default=None)
    within = f"{story.limit_s * 1000:g} ms" if story.limit_s < 1 else f"{story.limit_s:g} s"
    cells = [story.name, f"{story.outcome} within {within}, {story.share} %",
             f"**{len(good)} of {len(tries)}**" if len(good) * 100 < story.share * len(tries)
             else f"{len(good)} of {len(tries)}",
             " / ".join(figure(percentile(times, share)) for share in (0.5, 0.95, 1.0)),
             str(len(slow)) if story.outcome == DIRECT else "-", str(sockets or "-")]
    return "| " + " | ".join(cells) + " |"


def markdown(measured, kernel, nft):
    """The table of docs/NETFILTER.md, from a list of (story, tries)."""
    lines = [f"Measured on Linux {kernel}, {nft}; cables without delay; milliseconds.", "",
             "| pair | promised | came to | after, p50 / p95 / most | direct, but later "
             "| sockets of IPv4 then, most |", "| --- | --- | --- | ---: | ---: | ---: |"]
    return "\n".join(lines + [row(story, tries) for story, tries in measured])
