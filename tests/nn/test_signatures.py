"""Every module's constructor and forward take torch's arguments, with torch's names, order and defaults."""

import inspect

import pytest

from pynn import nn

CLASSES = sorted(
    name for name in dir(nn) if inspect.isclass(value := getattr(nn, name)) and issubclass(value, nn.Module)
)
OURS_ALONE = {"Swish"}
# Where torch writes no forward of its own, or (RNNCellBase) an argument that is an inner matter.
OTHER_FORWARD = {
    "Container",
    "Module",
    "ModuleDict",
    "ModuleList",
    "ParameterDict",
    "ParameterList",
    "RNNBase",
    "RNNCellBase",
}
OTHER_INIT = {"NLLLoss2d", "RNNCellBase"}


def parameters(function):
    """Names, defaults (functions, which are each library's own, by name) and kinds."""
    return [
        (p.name, p.default.__name__ if inspect.isroutine(p.default) else p.default, p.kind)
        for p in inspect.signature(function).parameters.values()
    ]


@pytest.mark.parametrize("name", CLASSES)
def test_signature_is_torchs(name):
    torch = pytest.importorskip("torch")
    if name in OURS_ALONE:
        assert not hasattr(torch.nn, name)
        return
    ours, theirs = getattr(nn, name), getattr(torch.nn, name)
    for method, others in (("__init__", OTHER_INIT), ("forward", OTHER_FORWARD)):
        same = parameters(getattr(ours, method)) == parameters(getattr(theirs, method))
        assert same == (name not in others), method


def test_modules_methods_take_torchs_arguments():
    torch = pytest.importorskip("torch")
    for name, method in vars(torch.nn.Module).items():
        ours = getattr(nn.Module, name, None)
        if name.startswith("_") or ours is None or not callable(method) or name in ("forward", "to"):
            continue
        wanted = [(n, d) for n, d, _ in parameters(method)]
        assert [(n, d) for n, d, _ in parameters(ours)] == wanted, name
