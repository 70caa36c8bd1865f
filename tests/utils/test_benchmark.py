"""Timers and what they find. No test here depends on how fast anything is: the clock is made up."""

import itertools

import pytest

from pynn.utils.benchmark import Compare, Measurement, TaskSpec, Timer, select_unit, trim_sigfig


def spec(label="add", sub_label="small", description="pynn"):
    return TaskSpec("x + 1", "pass", "", label, sub_label, description)


def test_statistics():
    m = Measurement(10, [1e-5, 2e-5, 3e-5], spec())
    assert m.times == pytest.approx([1e-6, 2e-6, 3e-6])
    assert (m.median, m.mean, m.iqr) == pytest.approx((2e-6, 2e-6, 1e-6))
    assert m.has_warnings
    assert m.title == "add: small"
    assert m.description == "pynn"
    assert "Median: 2.00 us" in repr(m)
    assert "3 measurements, 10 runs per measurement, 1 thread" in repr(m)


def test_merge_and_table():
    results = [
        Measurement(1, [2e-3], spec()),
        Measurement(1, [4e-3], spec()),
        Measurement(1, [9e-3], spec(description="other")),
    ]
    assert len(Measurement.merge(results)) == 2
    table = Compare(results[:1])
    table.extend_results(results[1:])
    text = str(table)
    assert "add" in text
    assert "3.0" in text
    assert "9.0" in text
    assert "milliseconds (ms)" in text
    with pytest.raises(ValueError, match="Expected an instance"):
        table.extend_results([1.0])


def test_timer_counts_runs_by_its_clock():
    clock = itertools.count()  # each reading is a second after the last one
    ran = []
    timer = Timer("ran.append(1)", globals={"ran": ran}, timer=lambda: float(next(clock)))
    m = timer.timeit(50)
    assert (m.raw_times, m.number_per_run, len(ran)) == ([1.0], 50, 52)
    found = timer.blocked_autorange(min_run_time=3)
    assert (found.raw_times, found.number_per_run) == ([1.0, 1.0, 1.0], 1)
    assert len(timer.adaptive_autorange(max_run_time=20).raw_times) == 4


def test_setup_and_pynn_are_known_and_errors():
    assert Timer("y + pynn.ones(2)", setup="y = 1").timeit(1).median > 0
    with pytest.raises(NameError):
        Timer("unknown_name").timeit(1)
    with pytest.raises(NotImplementedError, match="C\\+\\+"):
        Timer("x;", language="c++")
    with pytest.raises(ValueError, match="str"):
        Timer(len)


def test_units():
    assert select_unit(2e-5) == ("us", 1e-6)
    assert select_unit(3.0)[0] == "s"
    assert trim_sigfig(1234.5, 2) == 1200.0
