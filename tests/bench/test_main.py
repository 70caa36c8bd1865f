"""The benchmark command: options, the list of rows, and small runs from end to end."""

import importlib.util
import json

import pytest

from pynn.bench import __main__ as bench
from pynn.bench.row import ROWS
from tests.interpreter import run

BRIEF = ["small", "--match", "tracked add", "--quick", "--seconds", "0.001", "--threads", "1"]


def test_lists_rows(capsys):
    assert bench.main(["matmul", "small", "--match", "64 x 64", "--list"]) == 0
    assert capsys.readouterr().out.splitlines()[0] == "matmul: 64 x 64 x 64"


def test_runs_as_a_program():
    code = "import runpy, sys; sys.argv = ['b', 'pool', '--list']; runpy.run_module('pynn.bench', run_name='__main__')"
    assert run(code).startswith("pool: ")


def test_whole_networks_come_first():
    assert bench.families()[0] == "models"
    assert bench.families()[1:] == sorted(bench.families()[1:])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nothing"], "no family nothing"),
        (["--against", "abacus"], "no side abacus"),
        (["--threads", "0"], "at least 1, got 0"),
    ],
)
def test_wrong_options_are_told(words, message, capsys):
    with pytest.raises(SystemExit):
        bench.parse(words)
    assert message in capsys.readouterr().err


def test_a_chart_without_matplotlib_is_refused_at_once(monkeypatch, capsys):
    monkeypatch.setattr(bench.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SystemExit):
        bench.parse(["--chart", "x.svg"])
    assert "needs matplotlib" in capsys.readouterr().err


def test_options_of_a_quick_run():
    options = bench.parse(["models", "--quick", "--against", "none"])
    assert (options.rounds, options.seconds, options.sides, options.full) == (1, 0.05, ["pynn"], False)
    names = [row.name for _, row in bench.selected(options)["models"]]
    assert names
    assert len(names) == sum(not row.long for row in ROWS["models"])
    assert bench.parse([]).full


def test_pynn_alone_with_its_files(tmp_path, capsys):
    page, figures = tmp_path / "page.md", tmp_path / "page.json"
    assert bench.main([*BRIEF, "--against", "none", "--markdown", str(page), "--json", str(figures)]) == 0
    assert "| tracked add, 4 x 4 |" in capsys.readouterr().out
    assert "| tracked add, 4 x 4 |" in page.read_text()
    (row,) = json.loads(figures.read_text())["families"]["small"]
    assert list(row["sides"]) == ["pynn"]
    assert row["sides"]["pynn"]["seconds"] > 0


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="needs torch")
def test_beside_torch(tmp_path):
    figures = tmp_path / "page.json"
    assert bench.main([*BRIEF, "--against", "torch,torch tuned", "--json", str(figures)]) == 0
    (row,) = json.loads(figures.read_text())["families"]["small"]
    assert all(cell["trouble"] is None and cell["seconds"] > 0 for cell in row["sides"].values())
    assert list(row["sides"]) == ["pynn", "torch", "torch tuned"]


def test_wrong_results_set_the_status(monkeypatch, capsys):
    def failed(row, index, workers, seconds, rounds):
        cell = bench.compare.Cell(trouble="failed: ValueError: no")
        return bench.compare.Result(row, {"pynn": cell}, "failed: ValueError: no")

    monkeypatch.setattr(bench.compare, "run", failed)
    assert bench.main([*BRIEF, "--against", "none"]) == 1
    assert "wrong: small: tracked add, 4 x 4: failed: ValueError: no" in capsys.readouterr().err


@pytest.mark.skipif(not bench.os.access("/proc/self/clear_refs", bench.os.W_OK), reason="needs Linux's /proc")
def test_memory_of_a_step(capsys):
    assert bench.main(["models", "--match", "CIFAR-CNN b32, train", "--memory", "--against", "none", "--quick",
                       "--seconds", "0.001", "--threads", "1"]) == 0  # fmt: skip
    assert "| CIFAR-CNN b32, train, SGD | " in capsys.readouterr().out.partition("| first step |")[2]
