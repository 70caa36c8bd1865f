"""The picture of a run."""

import pytest

from pynn.bench import chart
from tests.bench.report_sample import sample


def test_bars_are_the_rows_ratios():
    assert chart.groups(sample()) == [("CNN b32, train", {"torch": 2.5})]


def test_many_rows_are_drawn_as_their_families_mean(monkeypatch):
    monkeypatch.setattr(chart, "MOST", 1)
    found = sample()
    found.families["conv"] = found.families["models"] * 2
    assert [label for label, _ in chart.groups(found)] == ["CNN b32, train", "conv"]


@pytest.mark.parametrize("ending", ["svg", "png"])
def test_draws_a_file(ending, tmp_path):
    pytest.importorskip("matplotlib")
    path = tmp_path / f"chart.{ending}"
    chart.draw(sample(), str(path))
    assert path.stat().st_size > 1000


def test_nothing_to_draw_is_told():
    pytest.importorskip("matplotlib")
    found = sample()
    found.families.pop("models")
    with pytest.raises(ValueError, match="no row was measured beside another library"):
        chart.draw(found, "never.svg")
