"""Comparing sides: differences are found, a side's failure stays in its cell, pynn's own is told apart."""

import numpy as np
import pytest

from pynn.bench import compare
from pynn.bench.row import Row

ROW = Row("family", "name", None, sides=("pynn", "torch", "torch tuned", "jax"))


class Worker:
    """A stand-in: answers `make` with a value and `time` with seconds; an exception is raised."""

    def __init__(self, value=1.0, seconds=1.0):
        self.value, self.seconds = value, seconds

    def ask(self, request, *arguments):
        answer = {"make": self.value, "time": self.seconds, "memory": self.value}[request]
        if isinstance(answer, Exception):
            raise answer
        if request == "memory":
            return answer
        return ([np.full(3, answer)], ["a note"]) if request == "make" else [answer, 3 * answer, 2 * answer]


@pytest.fixture(autouse=True)
def no_pause(monkeypatch):
    monkeypatch.setattr(compare, "PAUSE", 0)


@pytest.mark.parametrize(
    ("second", "reason"),
    [
        ([np.ones(3)], None),
        ([np.ones(3) * 1.00001], None),
        ([np.ones(3) * 1.01], "off by 9.9e-03"),
        ([np.array([1, np.nan, 1])], "off by nan"),
        ([np.ones(4)], "shapes"),
        ([], "1 results and 0"),
    ],
)
def test_differs(second, reason):
    found = compare.differs([np.ones(3)], second, 1e-4)
    assert found is None if reason is None else reason in found
    assert compare.differs([np.ones(3)], second, None) is None


def test_times_are_medians_and_ratios():
    result = compare.run(ROW, 0, {"pynn": Worker(), "torch": Worker(seconds=2.0)}, 0.1, 2)
    assert (result.cells["pynn"].low, result.cells["pynn"].seconds, result.cells["pynn"].high) == (1, 2, 3)
    assert result.ratio("torch") == 2
    assert result.ratio("jax") is None
    assert result.wrong is None
    assert result.cells["torch"].notes == ["a note"]


def test_a_side_that_has_no_form_of_the_row_is_left_out():
    assert list(compare.run(ROW, 0, {"pynn": Worker(), "ort": Worker()}, 0.1, 1).cells) == ["pynn"]


def test_a_rival_that_fails_leaves_the_rest_going():
    workers = {"pynn": Worker(), "torch": Worker(RuntimeError("no memory")), "jax": Worker()}
    result = compare.run(ROW, 0, workers, 0.1, 1)
    assert result.cells["torch"].trouble == "failed: no memory"
    assert result.cells["torch"].seconds is None
    assert result.cells["jax"].seconds == 2
    assert result.wrong is None


def test_a_rival_that_fails_while_it_is_timed():
    result = compare.run(ROW, 0, {"pynn": Worker(), "torch": Worker(seconds=RuntimeError("gone"))}, 0.1, 2)
    assert result.cells["torch"].trouble == "failed: gone"
    assert result.cells["pynn"].seconds == 2
    assert result.wrong is None


def test_a_rival_that_differs_is_not_timed():
    result = compare.run(ROW, 0, {"pynn": Worker(), "torch": Worker(1.5), "jax": Worker()}, 0.1, 1)
    assert "differs: result 0 is off by 3.3e-01" in result.cells["torch"].trouble
    assert result.cells["torch"].seconds is None
    assert result.wrong is None


def test_pynn_is_wrong_when_no_rival_agrees():
    result = compare.run(ROW, 0, {"pynn": Worker(), "torch": Worker(1.5), "jax": Worker(1.5)}, 0.1, 1)
    assert result.wrong == "pynn agrees with none of torch, jax"


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_pynn_is_wrong_when_not_finite(value):
    assert compare.run(ROW, 0, {"pynn": Worker(value)}, 0.1, 1).wrong == "pynn's result is not finite"


@pytest.mark.parametrize("broken", [Worker(RuntimeError("bad")), Worker(seconds=RuntimeError("bad"))])
def test_pynn_is_wrong_when_it_fails(broken):
    result = compare.run(ROW, 0, {"pynn": broken, "torch": Worker()}, 0.1, 1)
    assert result.wrong == "failed: bad"
    assert result.ratio("torch") is None


def test_memory():
    result = compare.memory(ROW, 0, {"pynn": Worker(10), "torch": Worker(30), "jax": Worker(RuntimeError("no"))})
    assert result.ratio("torch") == 3
    assert result.cells["jax"].trouble == "failed: no"
    assert result.wrong is None
