"""The matrix of NAT kinds as two tables, and the pairs beside it as a third.

SPDX-License-Identifier: MIT
"""

import kinds
import labtable
from cases import CONNECTED, RELAYED

BEGIN = "<!-- matrix:begin -->"
END = "<!-- matrix:end -->"


def _two(values):
    """p50 / p95."""
    return (f"{labtable.figure(labtable.percentile(values, 0.5))} / "
            f"{labtable.figure(labtable.percentile(values, 0.95))}")


def _short(outcomes, wanted):
    """How many of the runs came to it, where not all did."""
    count = sum(one.outcome == wanted for one in outcomes)
    return "" if count == len(outcomes) else f", **{count} of {len(outcomes)}**"


def direct_cell(pair, outcomes):
    """How the pair is connected; after how long it is directly, or else at all."""
    reached = [one.direct_ms for one in outcomes if one.outcome == CONNECTED]
    if reached:
        return f"{labtable.kind_of(outcomes)} {_two(reached)}{_short(outcomes, CONNECTED)}"
    return f"relay{_short(outcomes, RELAYED)}" + (
        "" if pair.outcome == RELAYED else ", **not direct**")


def message_cell(_, outcomes):
    """After how long both have heard the other."""
    return _two([one.message_ms for one in outcomes])


def grid(cells):
    """A half matrix; cells: name of the pair -> text."""
    lines = ["| | " + " | ".join(kind.short for kind in kinds.MATRIX) + " |",
             "| --- |" + " --- |" * len(kinds.MATRIX)]
    for row, one in enumerate(kinds.MATRIX):
        line = [f"**{one.short}**"] + [""] * row
        line += [cells.get(f"{one.name} x {other.name}", "?") for other in kinds.MATRIX[row:]]
        lines.append("| " + " | ".join(line) + " |")
    return "\n".join(lines)


def legend():
    """What the kinds are."""
    lines = ["| kind | mapping, filtering, ports (RFC 4787) | rules |", "| --- | --- | --- |"]
    lines += [f"| {kind.short} | {kind.behaviour} | {kind.rules} |" for kind in kinds.ALL]
    return "\n".join(lines)


def beside(measured):
    """The pairs that are in no matrix."""
    inside = {kind.name for kind in kinds.MATRIX}
    lines = ["| pair | promised | came to | first message both ways, p50 / p95 |",
             "| --- | --- | --- | ---: |"]
    for pair, outcomes in measured:
        if not inside.issuperset(kind.name for kind in pair.nats):
            lines.append(f"| {pair.nats[0].short} x {pair.nats[1].short} | {promised(pair)} | "
                         f"{direct_cell(pair, outcomes)} | {message_cell(pair, outcomes)} |")
    return "\n".join(lines)


def promised(pair):
    """What a pair is held against."""
    if pair.outcome == RELAYED:
        return "relay"
    share = "" if pair.share >= 1 else f"{pair.share * 100:.0f} % "
    return f"{share}direct within {pair.limit_ms / 1000:g} s"


def markdown(measured, kernel, nft):
    """All of it, from a list of (pair, outcomes)."""
    runs = max(len(outcomes) for _, outcomes in measured)
    direct = {pair.name: direct_cell(pair, outcomes) for pair, outcomes in measured}
    message = {pair.name: message_cell(pair, outcomes) for pair, outcomes in measured}
    return "\n\n".join([
        f"Measured on Linux {kernel}, {nft}; cables without delay; p50 / p95 in milliseconds of {runs} "
        "runs, from the instant at which both joined.",
        "How the two are connected, and until both are so directly:", grid(direct),
        "Until the first message has come both ways, be it by the relay:", grid(message),
        "Beside the matrix:", beside(measured), "The kinds:", legend()])
