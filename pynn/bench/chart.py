"""A picture of a run: horizontal bars of how many times as long as pynn the others take. Needs matplotlib."""

import importlib
from typing import Any

from pynn.bench.report import Report, geometric_mean, ratios

MOST = 40
"""Rows that are drawn one by one; of more, the families' means are, and only whole networks one by one."""


def groups(report: Report) -> list[tuple[str, dict[str, float]]]:
    """What is drawn: labels, and the ratios by side."""
    rivals = [side for side in report.sides if side != "pynn"]
    single = sum(map(len, report.families.values())) <= MOST
    found: list[tuple[str, dict[str, float]]] = []
    for family, results in report.families.items():
        parts = [(r.row.name, [r]) for r in results] if single or family == "models" else [(family, results)]
        for label, part in parts:
            means = {side: geometric_mean(ratios(part, side)) for side in rivals}
            found.append((label, {side: mean for side, mean in means.items() if mean is not None}))
    return [(label, bars) for label, bars in found if bars]


def draw(report: Report, path: str) -> None:
    """Write the chart to a file, whose ending says the format (.svg, .png).

    Raises ImportError without matplotlib, ValueError where there is nothing to compare.
    """
    figures: Any = importlib.import_module("matplotlib.figure")
    drawn = groups(report)
    if not drawn:
        raise ValueError("there is no chart to draw: no row was measured beside another library")
    rivals = [side for side in report.sides if any(side in bars for _, bars in drawn)]
    height = sum(len(bars) for _, bars in drawn) * 0.16 + len(drawn) * 0.12 + 1.2
    axes = figures.Figure(figsize=(9, height), layout="constrained").add_subplot()
    marks, place = [], 0.0
    for _, bars in drawn:
        start = place
        for side in rivals:
            if side in bars:
                axes.barh(place, bars[side] - 1, left=1, height=0.9, color=f"C{rivals.index(side)}")
                axes.annotate(f" {bars[side]:.2f} ", (max(bars[side], 1), place), va="center", fontsize=6)
                place += 1
        marks.append((start + place - 1) / 2)
        place += 0.8
    for number, side in enumerate(rivals):
        axes.barh(0, 0, left=1, color=f"C{number}", label=side)
    axes.margins(y=0.01)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter(lambda x, _: f"{x:g}" if f"{x:g}".rstrip("0.")[-1] in "25" else "")
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_yticks(marks, [label for label, _ in drawn], fontsize=7)
    axes.invert_yaxis()
    axes.set_xlabel("times pynn's time (logarithmic); right of 1, pynn is faster")
    axes.set_title(f"{report.machine.cpu}, {report.threads} threads, {report.date}", fontsize=8)
    axes.figure.legend(fontsize=7, loc="outside upper center", ncols=len(rivals))
    axes.figure.savefig(path, dpi=150)
