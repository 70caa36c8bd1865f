"""The memory example, on a short delay: it learns, and says so where it did not."""

import importlib.util
import pathlib
import sys

import pytest

import pynn

PATH = pathlib.Path(__file__).resolve().parents[2] / "examples" / "memory.py"


@pytest.fixture(scope="module")
def memory():
    spec = importlib.util.spec_from_file_location("memory_example", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_sequences(memory):
    x, first = memory.draw(5, 7)
    assert x.shape == (9, 5, 2 * memory.SYMBOLS + 1)
    assert pynn.equal(x.sum(2), pynn.ones(9, 5))
    assert pynn.equal(x[0].argmax(1), first)
    shown = x.argmax(2)
    assert (shown[1:-1] >= memory.SYMBOLS).all()
    assert (shown[-1] == 2 * memory.SYMBOLS).all()


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_learns(memory, cell, capsys):
    pynn.manual_seed(0)
    model = memory.Memory(cell, 16, 3)
    assert memory.train(model, 100, 32, 3, 0.03, goal=0.95) >= 0.95
    assert "recalled" in capsys.readouterr().out


def test_a_missed_goal_is_an_error(memory, monkeypatch):
    options = ["--steps", "1", "--delay", "2", "--hidden-size", "4", "--batch-size", "4"]
    monkeypatch.setattr(sys, "argv", ["memory.py", *options])
    with pytest.raises(SystemExit, match="below the 99 % asked for"):
        memory.main()
