"""The report of a run as Markdown and JSON."""

import json
import math

import pytest

from pynn.bench import report
from pynn.bench.compare import Cell, Result
from pynn.bench.peak import Ceiling
from pynn.bench.row import Row
from tests.bench.report_sample import sample


@pytest.mark.parametrize(
    ("flops", "moved", "text"), [(5, None, "50% of peak"), (None, 2, "50% of bandwidth"), (None, None, "")]
)
def test_share(flops, moved, text):
    row = Row("family", "name", None, flops, moved)
    assert report.share(row, 1.0, Ceiling(10, 4)) == text
    assert report.share(row, None, Ceiling(10, 4)) == ""


@pytest.mark.parametrize(("seconds", "text"), [(2.5, "2.5 s"), (0.0123, "12.3 ms"), (4.2e-6, "4.2 us")])
def test_duration(seconds, text):
    assert report.duration(seconds) == text


@pytest.mark.parametrize(("size", "text"), [(2e6, "2 MB"), (123456789, "123 MB"), (3.21e9, "3210 MB")])
def test_megabytes(size, text):
    assert report.megabytes(size) == text


def test_page_says_where_and_how():
    page = report.markdown(sample(), "python -m pynn.bench --markdown page.md", "page.svg")
    for text in (
        "`python -m pynn.bench --markdown page.md`",
        "* 2026-01-02, 2 threads",
        "A processor, 2 cores, Linux x86_64; pynn's kernels: avx2",
        "Python 3.11.7, pynn 1, torch 2.13",
        "* jax: not shown, needs jax, not installed",
        "](page.svg)",
        "| numpy | 100 ms | 50 MB |",
    ):
        assert text in page


def test_page_has_every_kind_of_cell():
    page = report.markdown(sample(), "command")
    (line,) = [line for line in page.splitlines() if line.startswith("| CNN b32, train | 1 s")]
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert cells[1:3] == ["1 s", "2.5 s (2.50)"]
    assert cells[3].startswith("failed: out/of memory xx")
    assert cells[3].endswith("...")
    assert cells[4:] == ["50% of peak", "torch tuned: channels_last, fused"]
    assert "| add | 4.2 us |" in page
    assert "| models | 2.50 |  | 0 of 1 rows |" in page
    assert "| CNN b32, train | 2 MB | 3000 MB (1500.00) | failed: no |" in page
    tables = [line.count("|") for line in page.split("## models")[1].split("\n\n")[1].splitlines()]
    assert len(set(tables)) == 1


def test_pynn_alone_has_no_summary():
    alone = sample()
    alone.sides = ["pynn"]
    assert report.summary(alone) == ""
    assert "In one table" not in report.markdown(alone, "command")


def test_wrong_rows_are_marked_and_collected():
    found = sample()
    bad = Result(Row("small", "mul", None), {"pynn": Cell(1.0)}, "pynn's result is not finite")
    found.families["small"].append(bad)
    assert found.wrong == ["small: mul: pynn's result is not finite"]
    assert "| mul | 1 s **wrong: pynn's result is not finite** |" in report.markdown(found, "command")


def test_json_holds_all_figures():
    found = sample()
    found.ceiling = Ceiling(math.nan, 4)
    data = json.loads(report.to_json(found))
    assert data["ceiling"] == {"flops": None, "bandwidth": 4}
    (row,) = data["families"]["models"]
    assert row["sides"]["torch"] == {"seconds": 2.5, "low": 2.4, "high": 2.6, "trouble": None, "notes": []}
    assert data["memory"][0]["bytes"]["pynn"] == 2e6
    assert data["versions"]["torch"] == "2.13"
    assert set(data["sides"]) == {"pynn", "torch", "torch tuned"}
