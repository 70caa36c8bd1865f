"""Fixtures for nn: the same module in torch, or what it computed when the golden file was made."""

import json
import math
import os
import pathlib

import numpy
import pytest

import pynn

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "golden" / "nn.json"
WRITE = os.environ.get("PYNN_WRITE_GOLDEN", "") not in ("", "0")  # with torch: write what it computes into the file


@pytest.fixture(scope="session")
def golden():
    """{test: what torch computed there, abridged}."""
    held = json.loads(GOLDEN.read_text()) if GOLDEN.exists() else {}
    yield held
    if WRITE:
        lines = [f"{json.dumps(key)}: {json.dumps(held[key])}" for key in sorted(held)]
        GOLDEN.write_text("{\n" + ",\n".join(lines) + "\n}\n")


@pytest.fixture
def rng():
    """A seeded source of numbers."""
    return numpy.random.default_rng(7)


@pytest.fixture
def twin(golden, request):
    """twin(make, *arguments): make(nn) is the same module in torch.nn and pynn.nn.

    Compares, in float64 and with the same parameters: repr; the state_dict's keys, shapes and order; outputs; the
    gradients of arguments and parameters; the buffers afterwards. Float arrays among the arguments require grad.
    With torch installed everything is compared in full, else with two sums of each array from tests/golden/nn.json.
    Returns our module.
    """
    calls = iter(range(1000))

    def check(make, *arguments, training=True, tolerance=1e-10, calls_before=0):
        key = f"{request.node.nodeid.partition('tests/nn/')[2]} {next(calls)}"
        module, ours = observe(pynn, make, arguments, training, calls_before)
        torch = import_torch()
        if torch is None and key not in golden:
            pytest.fail(f"no golden values of {key}: run PYNN_WRITE_GOLDEN=1 pytest tests/nn where torch is installed")
        if torch is not None:
            theirs = observe(torch, make, arguments, training, calls_before)[1]
            if WRITE:
                golden[key] = {name: abridge(value) for name, value in theirs.items()}
            assert list(ours) == list(theirs)
            for name, value in theirs.items():
                if isinstance(value, numpy.ndarray):
                    numpy.testing.assert_allclose(ours[name], value, 10 * tolerance, tolerance, err_msg=name)
                else:
                    assert ours[name] == value, name
        if not WRITE:
            wanted = golden.get(key)
            assert wanted is not None, f"the golden file has no {key}: run PYNN_WRITE_GOLDEN=1 pytest tests/nn"
            assert list(ours) == list(wanted)
            for name, value in wanted.items():
                assert_like(abridge(ours[name]), value, tolerance, name)
        return module

    return check


def import_torch():
    """torch, or None where it is not installed."""
    try:
        import torch
    except ImportError:
        return None
    return torch


def observe(library, make, arguments, training, calls_before):
    """make(library.nn) and all that can be seen of it: {what: text, shape or array}."""
    module = make(library.nn).double().train(training)
    state = module.state_dict()
    seen = {"repr": repr(module).replace("torch.", "pynn."), "state": [[k, list(v.shape)] for k, v in state.items()]}
    with library.no_grad():
        for shift, p in enumerate(module.parameters()):
            values = 0.3 * numpy.sin(1.7 * numpy.arange(p.numel()) + shift).reshape(tuple(p.shape))
            p.copy_(library.tensor(values))
    leaves = tensors(arguments, library)
    for _ in range(calls_before):
        module(*leaves)
    total = 0.0
    for i, out in enumerate(flat(module(*leaves))):
        seen[f"output {i}"] = out.detach().numpy().copy()
        if out.requires_grad:
            weights = numpy.cos(numpy.arange(out.numel())).reshape(tuple(out.shape))
            total = total + (out * library.tensor(weights)).sum()
    if not isinstance(total, float):
        total.backward()
    named = [(f"argument {i}", x) for i, x in enumerate(flat(leaves)) if isinstance(x, library.Tensor)]
    for name, x in [*named, *module.named_parameters()]:
        if x.grad is not None:
            seen[f"gradient of {name}"] = x.grad.numpy().copy()
    for name, buffer in module.named_buffers():
        seen[f"buffer {name}"] = buffer.numpy().copy()
    return module, seen


def flat(value):
    """The leaves of nested tuples, in order."""
    return [x for part in value for x in flat(part)] if isinstance(value, (tuple, list)) else [value]


def tensors(value, library):
    """value with its arrays made tensors; float ones require grad."""
    if isinstance(value, tuple):
        return tuple(tensors(v, library) for v in value)
    if not isinstance(value, numpy.ndarray):
        return value
    made = library.tensor(value)
    return made.requires_grad_() if value.dtype.kind == "f" else made


def abridge(value):
    """An array as its shape and two weighted sums; anything else as it is."""
    if not isinstance(value, numpy.ndarray):
        return value
    values = value.astype(numpy.float64).reshape(-1)
    places = numpy.arange(values.size)
    sums = [float((values * weights).sum()) for weights in (numpy.sin(places + 1.0), numpy.cos(2.3 * places))]
    return {"shape": list(value.shape), "sums": [float(f"{s:.12g}") for s in sums]}


def assert_like(ours, wanted, tolerance, name):
    """That two abridged values agree."""
    if not isinstance(wanted, dict):
        assert ours == wanted, name
        return
    assert ours["shape"] == wanted["shape"], name
    room = 10 * tolerance * max(1.0, math.prod(wanted["shape"]))
    assert ours["sums"] == pytest.approx(wanted["sums"], rel=10 * tolerance, abs=room), name
