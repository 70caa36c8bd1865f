"""The types of results with names."""

import pytest

import pynn


def test_types_of_results():
    assert isinstance(pynn.ones(2).max(0), pynn.return_types.max)
    assert isinstance(pynn.ones(2).sort(), pynn.return_types.sort)
    with pytest.raises(AttributeError, match="'nothing'"):
        pynn.return_types.nothing  # noqa: B018
    assert pynn.types.Number
