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


def align(rows):
    """Rows of cells for a terminal."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip()
                     for row in rows)


def kinds_text(kinds):
    """Which addresses answered."""
    return ", ".join(sorted(kinds)) or "-"


def counts(outcomes):
    """How many came to what."""
    told = [outcome.outcome for outcome in outcomes]
    return ", ".join(f"{told.count(one)} {one}" for one in sorted(set(told)))


def kind_of(outcomes):
    """Which addresses answered, in short: that one side saw another than all had named, if it did."""
    kinds = {str(kind) for outcome in outcomes for kind in outcome.kinds}
    return "observed" if "observed" in kinds else kinds_text(kinds)


def summary(outcomes):
    """The outcomes for people who watch."""
    kinds = {str(kind) for outcome in outcomes for kind in outcome.kinds}
    direct = [outcome.direct_ms for outcome in outcomes]
    message = [outcome.message_ms for outcome in outcomes]
    return (f"{counts(outcomes)}; {kinds_text(kinds)}; direct {figure(percentile(direct, 0.5))} / "
            f"{figure(percentile(direct, 0.95))}, message {figure(percentile(message, 0.5))} / "
            f"{figure(percentile(message, 0.95))} ms")


def expected(case):
    """What a case is held against."""
    if case.outcome != "connected":
        return case.outcome
    within = case.base_ms and f", {case.base_ms} ms after {case.base}"
    return f"direct within {case.limit_ms / 1000:g} s{within or ''}"


def row(case, outcomes):
    """One line of the table."""
    told = [outcome.outcome for outcome in outcomes]
    usual = max(sorted(set(told)), key=told.count)
    columns = [[outcome.connected_ms for outcome in outcomes],
               [outcome.message_ms for outcome in outcomes],
               [outcome.direct_ms for outcome in outcomes]]
    good = sum(not outcome.wrong and not outcome.missed for outcome in outcomes)
    cells = [case.name, case.rules, expected(case), usual,
             kinds_text({str(kind) for outcome in outcomes for kind in outcome.kinds})]
    cells += [f"{figure(percentile(column, 0.5))} / {figure(percentile(column, 0.95))}"
              for column in columns]
    return "| " + " | ".join(cells + [f"{good} of {len(told)}"]) + " |"


def table(measured, kernel, nft):
    """The whole table from a list of (case, outcomes)."""
    lines = [f"Measured on Linux {kernel}, {nft}; cables without delay; p50 / p95 in milliseconds from "
             "the instant at which all joined, each with its cookie already.", "",
             "| pair | rules | expected | outcome | address kind | connected | first message both ways "
             "| direct | as expected |",
             "| --- | --- | --- | --- | --- | ---: | ---: | ---: | ---: |"]
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
