"""The ceilings that benchmarks name shares of."""

import math

import pynn
from pynn.bench import peak


def test_bandwidth_is_that_of_a_copy():
    assert 1e8 < peak.copy_bandwidth(1, megabytes=8, rounds=1) < 1e13


def test_measuring_leaves_the_threads_as_they_were():
    before = pynn.get_num_threads()
    ceiling = peak.measure(1)
    assert pynn.get_num_threads() == before
    assert ceiling.flops > 1e8 or (pynn._config._native is None and math.isnan(ceiling.flops))


def test_the_higher_of_two_measurements_counts():
    assert peak.Ceiling(3, 7).raised(peak.Ceiling(5, 6)) == peak.Ceiling(5, 7)
