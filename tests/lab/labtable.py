"""Turns the lab's outcomes into figures and into the table of docs/NETFILTER.md.

SPDX-License-Identifier: MIT
"""

BEGIN = "<!-- lab:begin -->"
END = "<!-- lab:end -->"


def percentile(values, share):
    """The nearest-rank percentile of values, share in 0..1; None for none."""
    ordered = sorted(value for value in values if value is not None)
    if not ordered:
        return None
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def figure(value):
    """Milliseconds as text."""
    return "-" if value is None else f"{value:.1f}" if value < 100 else f"{value:.0f}"


def row(case, outcomes):
    """One line of the table."""
    told = [outcome.outcome for outcome in outcomes]
    usual = max(sorted(set(told)), key=told.count)
    kinds = sorted({str(kind) for outcome in outcomes for kind in outcome.kinds})
    connected = [outcome.connected_ms for outcome in outcomes]
    message = [outcome.message_ms for outcome in outcomes]
    direct = [outcome.direct_ms for outcome in outcomes]
    address = ""
    for outcome in outcomes:
        if outcome.addresses:
            address = str(sorted(map(str, outcome.addresses.values()))[0]).rpartition(":")[0]
            break
    cells = [case.name, case.rules, usual, ", ".join(kinds) or "-", address or "-",
             figure(percentile(connected, 0.5)), figure(percentile(connected, 0.95)),
             figure(percentile(message, 0.5)), figure(percentile(message, 0.95)),
             figure(percentile(direct, 0.5)), figure(percentile(direct, 0.95)),
             f"{told.count(usual)} of {len(told)}"]
    return "| " + " | ".join(cells) + " |"


def table(measured, kernel, nft):
    """The whole table from a list of (case, outcomes)."""
    lines = [f"Measured on Linux {kernel}, {nft}; cables without delay; milliseconds from the "
             "instant at which all joined, each with its cookie already.", "",
             "| pair | rules | outcome | address kind | for example | connected, p50 | p95 "
             "| first message both ways, p50 | p95 | direct, p50 | p95 | runs |",
             "| --- | --- | --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"]
    return "\n".join(lines + [row(case, outcomes) for case, outcomes in measured])


def write(path, text, start=BEGIN, stop=END):
    """Puts a table between two markers of a document."""
    with open(path, encoding="utf-8") as file:
        document = file.read()
    before, begin, rest = document.partition(start)
    _, end, after = rest.partition(stop)
    if not begin or not end:
        raise ValueError(f"{path} has no {start} and {stop}")
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"{before}{start}\n{text}\n{stop}{after}")
