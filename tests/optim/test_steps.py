"""Every optimizer with every option: against torch's numbers (a golden file), and torch itself where installed."""

import pathlib

import numpy
import pytest

import pynn
from tests.optim.problems import CASES, FLAT, descend, flat, parameters, run

GOLDEN = numpy.load(pathlib.Path(__file__).parents[1] / "golden" / "optim.npz")


@pytest.mark.parametrize(("name", "i"), FLAT)
def test_twenty_steps_leave_what_torch_leaves(name, i):
    found = dict(flat(*run(pynn, name, CASES[name][i])))
    prefix = f"{name}.{i}."
    expected = {key.removeprefix(prefix): GOLDEN[key] for key in GOLDEN.files if key.startswith(prefix)}
    assert found.keys() == expected.keys()
    for key, array in found.items():
        assert array.dtype == expected[key].dtype
        close = 1e-6 if key.startswith("p") else 1e-5 * max(1.0, abs(expected[key]).max())
        numpy.testing.assert_allclose(array, expected[key], rtol=1e-6, atol=close, err_msg=key)


@pytest.mark.parametrize(("name", "i"), FLAT)
def test_float64_agrees_with_torch(name, i):
    torch = pytest.importorskip("torch")
    found = flat(*run(pynn, name, CASES[name][i], "float64"))
    expected = flat(*run(torch, name, CASES[name][i], "float64"))
    for (key, array), (other_key, other) in zip(found, expected, strict=True):
        assert key == other_key
        numpy.testing.assert_allclose(array, other, rtol=1e-10, atol=1e-12, err_msg=key)


@pytest.mark.parametrize(("name", "i"), FLAT)
def test_description_and_state_dict_are_torchs(name, i):
    torch = pytest.importorskip("torch")
    _, ours = run(pynn, name, CASES[name][i])
    _, theirs = run(torch, name, CASES[name][i])
    assert repr(ours) == repr(theirs)
    a, b = ours.state_dict(), theirs.state_dict()
    assert a["param_groups"] == b["param_groups"]
    assert {k: list(v) for k, v in a["state"].items()} == {k: list(v) for k, v in b["state"].items()}


@pytest.mark.parametrize(("name", "i"), FLAT)
def test_resumed_training_equals_uninterrupted(name, i):
    options = CASES[name][i]
    whole, _ = run(pynn, name, options)
    first = parameters(pynn)
    optimizer = getattr(pynn.optim, name)(first, **options)
    descend(pynn, optimizer, first, range(9))
    second = [p.detach().clone().requires_grad_() for p in first]
    resumed = getattr(pynn.optim, name)(second)
    resumed.load_state_dict(optimizer.state_dict())
    descend(pynn, resumed, second, range(9, 20))
    for a, b in zip(whole, second):
        numpy.testing.assert_array_equal(a.detach().numpy(), b.detach().numpy())


@pytest.mark.parametrize("name", CASES)
def test_torch_state_continues_here(name):
    torch = pytest.importorskip("torch")
    options = CASES[name][-1]
    theirs = parameters(torch)
    optimizer = getattr(torch.optim, name)(theirs, **options)
    descend(torch, optimizer, theirs, range(9))
    saved = optimizer.state_dict()
    for state in saved["state"].values():
        for key, value in state.items():
            if isinstance(value, torch.Tensor):
                state[key] = pynn.tensor(value.numpy())
    ours = [pynn.tensor(p.detach().numpy().copy()).requires_grad_() for p in theirs]
    resumed = getattr(pynn.optim, name)(ours)
    resumed.load_state_dict(saved)
    descend(pynn, resumed, ours, range(9, 20))
    whole, _ = run(pynn, name, options)
    for a, b in zip(whole, ours):
        numpy.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-5, atol=1e-6)
