"""Every scheduler's rates over sixty steps: against torch's (a golden file, and torch itself where installed)."""

import copy
import pathlib

import numpy
import pytest

import pynn
from tests.optim.lr_scheduler.schedules import CASES, STEPS, advance, make

GOLDEN = numpy.load(pathlib.Path(__file__).parents[2] / "golden" / "lr_scheduler.npz")


@pytest.mark.parametrize("name", CASES)
def test_sixty_steps_give_torchs_rates(name):
    rows = advance(*make(pynn, name), range(STEPS))
    numpy.testing.assert_allclose(rows, GOLDEN[name], rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", CASES)
def test_installed_torch_gives_the_same_floats_and_keys(name):
    torch = pytest.importorskip("torch")
    optimizer, ours = make(pynn, name)
    other, theirs = make(torch, name)
    rows, expected = advance(optimizer, ours, range(STEPS)), advance(other, theirs, range(STEPS))
    numpy.testing.assert_allclose(rows, expected, rtol=1e-12, atol=1e-15)
    assert ours.state_dict().keys() == theirs.state_dict().keys()
    assert ours.get_last_lr() == pytest.approx(theirs.get_last_lr(), rel=1e-12)


@pytest.mark.parametrize("name", CASES)
def test_resumed_schedule_equals_uninterrupted(name):
    optimizer, scheduler = make(pynn, name)
    rows = advance(optimizer, scheduler, range(17))
    saved = copy.deepcopy((optimizer.state_dict(), scheduler.state_dict()))
    optimizer, scheduler = make(pynn, name)
    optimizer.load_state_dict(saved[0])
    scheduler.load_state_dict(saved[1])
    assert scheduler.get_last_lr() == [g["lr"] for g in optimizer.param_groups]
    rows += advance(optimizer, scheduler, range(17, STEPS))
    numpy.testing.assert_allclose(rows, GOLDEN[name], rtol=1e-12, atol=1e-15)


CLOSED = [
    name
    for name in CASES
    if name.split()[0] in {"step", "multistep", "constant", "linear", "exponential", "polynomial", "cosine"}
]


@pytest.mark.parametrize("name", CLOSED)
def test_jumping_to_an_epoch_uses_the_closed_form(name):
    optimizer, scheduler = make(pynn, name)
    optimizer.step()
    with pytest.warns(UserWarning, match="epoch parameter"):
        scheduler.step(19)
    assert scheduler.last_epoch == 19
    assert [g["lr"] for g in optimizer.param_groups] == pytest.approx(GOLDEN[name][19, ::2].tolist(), rel=1e-9)
