"""What a run found, as Markdown tables, a whole page, or JSON."""

import dataclasses
import json
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from pynn.bench.compare import Result
from pynn.bench.machine import Machine
from pynn.bench.peak import Ceiling
from pynn.bench.row import Row
from pynn.bench.sides import SIDES

CELL = 60
"""Characters of a failure that a table shows."""


@dataclass
class Report:
    """One run: where, with what, and the results by family.

    memory: bytes a process grew by, as the `seconds` of results. imports: seconds by module; sizes: bytes by module.
    """

    date: str
    machine: Machine
    threads: int
    ceiling: Ceiling
    sides: list[str]
    versions: dict[str, str]
    absent: dict[str, str] = field(default_factory=dict)
    families: dict[str, list[Result]] = field(default_factory=dict)
    memory: list[Result] = field(default_factory=list)
    imports: dict[str, float] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)

    @property
    def wrong(self) -> list[str]:
        """The rows whose result of pynn's is not to be trusted, with the reasons."""
        everything = [*self.memory, *(result for results in self.families.values() for result in results)]
        return [f"{r.row.family}: {r.row.name}: {r.wrong}" for r in everything if r.wrong]


def duration(seconds: float) -> str:
    """Seconds with a fitting unit."""
    for unit, size in (("s", 1), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e6:.3g} us"


def megabytes(size: float) -> str:
    """Bytes as megabytes."""
    return f"{size / 1e6:.3g} MB" if size < 1e9 else f"{size / 1e6:.0f} MB"


def share(row: Row, seconds: float | None, ceiling: Ceiling) -> str:
    """What of the machine's peak or bandwidth a time is."""
    if seconds is None:
        return ""
    if row.flops:
        return f"{row.flops / seconds / ceiling.flops:.0%} of peak"
    if row.bytes:
        return f"{row.bytes / seconds / ceiling.bandwidth:.0%} of bandwidth"
    return ""


def mode(result: Result) -> str:
    """What the sides of a row did beyond what their modes say."""
    return "; ".join(f"{name}: {', '.join(cell.notes)}" for name, cell in result.cells.items() if cell.notes)


def columns(rows: Iterable[Row], sides: Sequence[str]) -> list[str]:
    """Those of the sides that run any of the rows."""
    wanted = {side for row in rows for side in row.sides}
    return [side for side in sides if side in wanted]


def header(family: str, sides: Sequence[str]) -> str:
    """A table's first lines."""
    names = [family, *sides, "pynn's share", "mode"]
    return f"| {' | '.join(names)} |\n|{'---|' * len(names)}"


def line(result: Result, sides: Sequence[str], ceiling: Ceiling) -> str:
    """A table's line: the times, each rival's followed by how many times pynn's it is."""
    cells = [result.row.name]
    for side in sides:
        cell = result.cells.get(side)
        if cell is None:
            cells.append("")
        elif cell.seconds is None:
            cells.append(_short(cell.trouble or ""))
        else:
            ratio = result.ratio(side) if side != "pynn" else None
            cells.append(duration(cell.seconds) + (f" ({ratio:.2f})" if ratio is not None else ""))
    if result.wrong:
        cells[1] += f" **wrong: {_short(result.wrong)}**"
    return f"| {' | '.join([*cells, share(result.row, result.cells['pynn'].seconds, ceiling), mode(result)])} |"


def _short(text: str) -> str:
    """The beginning of a message, fit for a cell."""
    text = " ".join(text.replace("|", "/").split())
    return text if len(text) <= CELL else text[: CELL - 3] + "..."


def geometric_mean(ratios: Sequence[float]) -> float | None:
    """The geometric mean, None of nothing."""
    return statistics.geometric_mean(ratios) if ratios else None


def ratios(results: Iterable[Result], side: str) -> list[float]:
    """A rival's ratios where it has any."""
    found = (result.ratio(side) for result in results)
    return [ratio for ratio in found if ratio is not None]


def preface(report: Report) -> str:
    """Where and with what a run was made, and how each side was run."""
    machine, ceiling = report.machine, report.ceiling
    lines = [
        f"* {report.date}, {report.threads} threads",
        f"* {machine.cpu}, {machine.cores} cores, {machine.system}; pynn's kernels: {machine.isa}",
        f"* measured in this run: {ceiling.flops / 1e9:.0f} GF/s float32 at most, {ceiling.bandwidth / 1e9:.0f} GB/s copied",
        f"* Python {machine.python}, " + ", ".join(f"{name} {version}" for name, version in report.versions.items()),
        "",
        *(f"* {side}: {SIDES[side].mode}" for side in report.sides),
        *(f"* {side}: not shown, {reason}" for side, reason in report.absent.items()),
    ]
    return "\n".join(lines) + "\n"


def summary(report: Report) -> str:
    """A line a family: the geometric means of the ratios, and in how many rows pynn is behind the best rival."""
    rivals = [side for side in report.sides if side != "pynn"]
    if not rivals:
        return ""
    text = [f"| family | {' | '.join(rivals)} | slower than the best rival |", f"|{'---|' * (len(rivals) + 2)}"]
    for family, results in report.families.items():
        means = [geometric_mean(ratios(results, side)) for side in rivals]
        best = [min(found) for r in results if (found := [x for s in rivals if (x := r.ratio(s)) is not None])]
        cells = [f"{mean:.2f}" if mean else "" for mean in means]
        text.append(f"| {family} | {' | '.join(cells)} | {sum(x < 0.95 for x in best)} of {len(best)} rows |")
    return "\n".join(text) + "\n"


def memory_table(report: Report) -> str:
    """The table of memory."""
    sides = columns((result.row for result in report.memory), report.sides)
    sides = [side for side in sides if any(side in result.cells for result in report.memory)]
    text = [f"| first step | {' | '.join(sides)} |", f"|{'---|' * (len(sides) + 1)}"]
    for result in report.memory:
        cells = []
        for side in sides:
            cell = result.cells[side]
            ratio = result.ratio(side) if side != "pynn" else None
            shown = _short(cell.trouble or "") if cell.seconds is None else megabytes(cell.seconds)
            cells.append(shown + (f" ({ratio:.2f})" if ratio is not None else ""))
        text.append(f"| {result.row.name} | {' | '.join(cells)} |")
    return "\n".join(text) + "\n"


def footprint_table(report: Report) -> str:
    """The table of import times and installed sizes."""
    text = ["| module | start and import | its folder |", "|---|---|---|"]
    for name, seconds in report.imports.items():
        text.append(f"| {name} | {duration(seconds)} | {megabytes(report.sizes[name])} |")
    return "\n".join(text) + "\n"


def family_table(family: str, report: Report) -> str:
    """A family's whole table."""
    results = report.families[family]
    sides = columns((result.row for result in results), report.sides)
    return "\n".join([header(family, sides), *(line(result, sides, report.ceiling) for result in results)]) + "\n"


def markdown(report: Report, command: str, chart: str | None = None) -> str:
    """The whole page. chart: the address of a picture to show."""
    parts = [
        "# Benchmarks\n",
        f"Written by `{command}`: every row on every library that can run it, each in a process of its own, in turn.\n"
        "The results agreed before anything was timed; times are medians. In brackets: a library's time divided by\n"
        "pynn's, so more than 1 says that pynn is faster.\n",
        preface(report),
    ]
    if chart:
        parts.append(f"![How many times as long as pynn the others take]({chart})\n")
    parts += ["## In one table\n", "Geometric means of the ratios.\n", summary(report)] if summary(report) else []
    for family in report.families:
        parts += [f"## {family}\n", family_table(family, report)]
    if report.memory:
        parts += [
            "## Memory\n",
            "By how much a fresh process grows at most in its first training step, weights and batch being there already:\n"
            "activations, gradients, the optimizer's state, scratch.\n",
            memory_table(report),
        ]
    if report.imports:
        parts += ["## Import and size\n", footprint_table(report)]
    return "\n".join(parts)


def to_json(report: Report) -> str:
    """The report as JSON: `families` and `memory` hold a record a row, with a cell a side."""

    def record(result: Result) -> dict[str, Any]:
        row = result.row
        return {
            "name": row.name,
            "flops": row.flops,
            "bytes": row.bytes,
            "wrong": result.wrong,
            "sides": {side: dataclasses.asdict(cell) for side, cell in result.cells.items()},
        }

    def number(value: float) -> float | None:
        return None if value != value else value

    whole = {
        "date": report.date,
        "machine": dataclasses.asdict(report.machine),
        "threads": report.threads,
        "ceiling": {key: number(value) for key, value in dataclasses.asdict(report.ceiling).items()},
        "sides": {side: SIDES[side].mode for side in report.sides},
        "absent": report.absent,
        "versions": report.versions,
        "families": {family: [record(r) for r in results] for family, results in report.families.items()},
        "memory": [
            {"name": r.row.name, "bytes": {side: cell.seconds for side, cell in r.cells.items()}} for r in report.memory
        ],
        "imports": report.imports,
        "sizes": report.sizes,
    }
    return json.dumps(whole, indent=1)
