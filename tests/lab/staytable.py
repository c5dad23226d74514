"""The figures of staying connected as lines and as a table.

SPDX-License-Identifier: MIT
"""

from labtable import align, percentile

BEGIN = "<!-- stay:begin -->"
END = "<!-- stay:end -->"
HEAD = ["what changes", "how", "gap a to b, p50 / max", "b to a", "on the relay after",
        "direct again after", "lost", "paths (of a / b)", "within the bounds"]


def _ms(value):
    return "-" if value is None else f"{value:.0f}"


def _middle_and_most(values):
    known = [value for value in values if value is not None]
    if not known:
        return "-"
    return f"{_ms(percentile(known, 0.5))} / {_ms(max(known))}"


def cells(story, found):
    """One row: a story and the Found of each of its runs."""
    gaps = [f.gap_ms or [None, None] for f in found]
    lost = [f.lost for f in found if f.lost is not None]
    paths = [f.paths for f in found]
    note = [f.note for f in found if f.note]
    usual = max(sorted(set(paths)), key=paths.count)
    good = sum(not f.wrong for f in found)
    return [story.name, story.rules,
            _middle_and_most(gap[0] for gap in gaps), _middle_and_most(gap[1] for gap in gaps),
            _middle_and_most(f.relay_ms for f in found),
            _middle_and_most(f.direct_ms for f in found),
            str(max(lost)) if lost else "-", usual + (f"; {note[0]}" if note else ""),
            f"{good} of {len(found)}"]


def line(story, found):
    """The story for people who watch."""
    row = cells(story, found)
    verdict = "not ok" if any(f.wrong for f in found) else "ok"
    return (f"{verdict} {story.name}: gap {row[2]} and {row[3]} ms, on the relay after {row[4]}, "
            f"direct after {row[5]}, lost {row[6]}, {row[7]} ({len(found)} runs)")


def markdown(measured, kernel, nft):
    """The table of docs/NETFILTER.md, from a list of (story, found)."""
    lines = [f"Measured on Linux {kernel}, {nft}; cables without delay; a message every 20 ms each "
             "way; milliseconds.", "", "| " + " | ".join(HEAD) + " |",
             "| --- | --- | ---: | ---: | ---: | ---: | ---: | --- | ---: |"]
    return "\n".join(lines + ["| " + " | ".join(cells(*row)) + " |" for row in measured])


def plain(measured):
    """The same for a terminal."""
    rows = [HEAD[:1] + HEAD[2:]] + [cells(*row)[:1] + cells(*row)[2:] for row in measured]
    return align(rows)
