"""nn.functional's signatures are torch's: names, order and defaults of arguments."""

import ast
import inspect

import pytest

import pynn.nn.functional as F

OWN = {"run_layer", "swish"}  # not in torch
PUBLIC = sorted(n for n in vars(F) if not n.startswith("_") and inspect.isfunction(getattr(F, n)))
NAMES = [n for n in PUBLIC if n not in OWN and not n.endswith("_")]  # in-place forms take what their namesakes take


def documented(function):
    """The arguments that a builtin's docstring starts with, as [(name, default)]."""
    head = (function.__doc__ or "").strip().split(") ->")[0]
    if "(" not in head or "\n" in head:
        return None
    try:
        args = ast.parse(f"def {head}): pass").body[0].args
    except SyntaxError:
        return None
    defaults = [inspect.Parameter.empty] * (len(args.args) - len(args.defaults)) + [
        ast.literal_eval(d) for d in args.defaults
    ]
    return [(a.arg, d) for a, d in zip(args.args, defaults)]


def declared(function):
    """The arguments of a Python function as [(name, default)], or None for `*args, **kwargs`."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return documented(function)
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return None
    return [(p.name, p.default) for p in parameters]


@pytest.mark.parametrize("name", NAMES)
def test_arguments(name):
    torch = pytest.importorskip("torch")
    theirs = declared(getattr(torch.nn.functional, name))
    if theirs is None:
        pytest.skip("torch does not tell")
    ours = declared(getattr(F, name))
    if not inspect.isfunction(getattr(torch.nn.functional, name)):  # a builtin, which does not tell of its out=
        ours = [(n, d) for n, d in ours if n != "out"]
    assert [n for n, _ in ours] == [n for n, _ in theirs]
    for (argument, mine), (_, other) in zip(ours, theirs):
        assert mine == other or (other is inspect.Parameter.empty and mine is None), argument


def test_every_public_function_is_documented():
    assert len(PUBLIC) > 110
    for name in PUBLIC:
        assert getattr(F, name).__doc__, name
