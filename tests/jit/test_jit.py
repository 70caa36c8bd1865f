"""jit: scripts are the code itself."""

import importlib
import typing
from typing import Optional, Union

import pytest

import pynn
from pynn import compiler, jit


@pytest.fixture(autouse=True)
def _unsaid():
    compiler._said.clear()
    yield
    compiler._said.clear()


def test_script_and_trace_return_what_they_got_and_say_so():
    model = pynn.nn.Linear(2, 2)
    with pytest.warns(UserWarning, match=r"pynn\.jit\.script returns its argument as it is"):
        assert jit.script(model) is model
    with pytest.warns(UserWarning, match=r"pynn\.jit\.trace returns its argument as it is"):
        assert jit.trace(model, pynn.ones(1, 2)) is model
    assert jit.trace(model, (pynn.ones(1, 2),), check_trace=False) is model  # said once
    assert not isinstance(model, jit.ScriptModule)


@pytest.mark.filterwarnings("ignore:pynn.jit")
def test_decorators():
    @jit.script
    def double(x):
        return x * 2

    class Net(jit.ScriptModule):
        scale: jit.Final[int]

        def __init__(self):
            super().__init__()
            self.scale = 3

        @jit.script_method
        def forward(self, x):
            return self.helper(x) * jit.annotate(int, self.scale)

        @jit.export
        def helper(self, x):
            return x + 1

        @jit.ignore
        def ignored(self):
            return 1

        @jit.ignore(drop=True)
        def dropped(self):
            return 2

        @jit.unused
        def unused(self):
            return 3

    net = Net()
    assert double(2) == 4
    assert net(pynn.ones(1)).item() == 6
    assert (net.ignored(), net.dropped(), net.unused()) == (1, 2, 3)
    assert isinstance(net, pynn.nn.Module)
    assert not jit.is_scripting()
    assert not jit.is_tracing()
    assert jit.script_if_tracing(double) is double
    assert jit.optimize_for_inference(net) is net
    with pytest.raises(RuntimeError, match=r"Please call \.eval\(\)"):
        jit.freeze(net)
    assert jit.freeze(net.eval()) is net


def test_fork_and_wait():
    assert jit.wait(jit.fork(lambda a, b: a + b, 1, b=2)) == 3
    with pytest.raises(ZeroDivisionError):
        jit.wait(jit.fork(lambda: 1 / 0))


@pytest.mark.parametrize(
    ("value", "kind", "is_one"),
    [
        ([1, 2], list[int], True),
        ([1, "a"], list[int], False),
        ({"a": 1}, dict[str, int], True),
        ({"a": 1}, dict[str, str], False),
        ((1, "a"), tuple[int, str], True),
        ((1, 2), tuple[int], False),
        ((1, 2), tuple[int, ...], True),
        (None, Optional[int], True),  # noqa: UP045
        ("a", Union[int, str], True),  # noqa: UP007
        (1.5, int | str, False),
        ([1], list, True),
        (3, (int, str), True),
    ],
)
def test_isinstance_looks_into_containers(value, kind, is_one):
    assert jit.isinstance(value, kind) is is_one


def test_files_are_refused():
    with pytest.raises(NotImplementedError, match=r"pynn\.save"):
        jit.save(pynn.nn.Linear(1, 1), "x.pt")
    with pytest.raises(NotImplementedError, match=r"pynn\.load"):
        jit.load("x.pt")
    with pytest.raises(NotImplementedError, match="ONNX"):
        pynn.onnx.export(pynn.nn.Linear(1, 1), (), "x.onnx")


def test_annotations_are_those_of_typing():
    annotations = importlib.import_module("pynn.jit.annotations")
    assert annotations.List is vars(typing)["List"]
    assert annotations.Optional is Optional
    assert annotations.BroadcastingList2[int] == list[int]
