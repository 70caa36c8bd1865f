"""fx.wrap leaves functions as they are; graphs are refused."""

import pytest

import pynn


def test_wrap():
    @pynn.fx.wrap
    def double(x):
        return 2 * x

    assert double(3) == 6
    assert pynn.fx.wrap("len") == "len"
    with pytest.raises(RuntimeError, match="callable or string"):
        pynn.fx.wrap(3)


def test_graphs_are_out_of_scope():
    with pytest.raises(NotImplementedError, match="out of pynn's scope"):
        pynn.fx.symbolic_trace(pynn.nn.ReLU())
