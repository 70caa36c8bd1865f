"""compile: a pass-through that says so once."""

import warnings

import pytest

import pynn
from pynn import compiler


@pytest.fixture(autouse=True)
def _unsaid():
    compiler._said.clear()
    yield
    compiler._said.clear()


def test_says_once_that_nothing_is_compiled():
    model = pynn.nn.Linear(2, 2)
    with pytest.warns(UserWarning, match=r"pynn\.compile returns its argument as it is"):
        assert pynn.compile(model, mode="reduce-overhead") is model
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert pynn.compile(model, fullgraph=True, dynamic=False, backend="eager") is model


@pytest.mark.filterwarnings("ignore:pynn.compile returns")
def test_as_a_decorator():
    @pynn.compile
    def double(x):
        return x * 2

    @pynn.compile(fullgraph=True)
    def triple(x):
        return x * 3

    assert double(pynn.ones(1)).item() == 2
    assert triple(pynn.ones(1)).item() == 3


def test_disable_is_silent_and_bad_arguments_are_not():
    assert pynn.compile(len, disable=True) is len
    with pytest.raises(RuntimeError, match="both can't be specified"):
        pynn.compile(len, mode="default", options={})
    with pytest.raises(ValueError, match="Unrecognized mode='fast'"):
        pynn.compile(len, mode="fast")
    with pytest.raises(TypeError, match="takes a module or a function, but got int"):
        pynn.compile(3)


def test_companions_leave_functions_alone():
    def f():
        return 1

    assert compiler.disable(f) is f
    assert compiler.disable()(f) is f
    assert compiler.disable(reason="slow")(f) is f
    for decorate in (
        compiler.allow_in_graph,
        compiler.assume_constant_result,
        compiler.wrap_numpy,
        compiler.nested_compile_region,
    ):
        assert decorate(f) is f
    assert compiler.substitute_in_graph(len)(f) is f
    assert not any((compiler.is_compiling(), compiler.is_dynamo_compiling(), compiler.is_exporting()))
    compiler.reset()
    compiler.cudagraph_mark_step_begin()
    with compiler.set_stance("force_eager"):
        assert compiler.set_stance("default")(f) is f
    with pytest.raises(RuntimeError, match=r"invalid torch\.compile stance"):
        compiler.set_stance("sideways")
    assert compiler.list_backends() == []
