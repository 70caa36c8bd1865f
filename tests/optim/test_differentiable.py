"""differentiable=True: a step that is itself recorded for backward."""

import numpy
import pytest

import pynn

CASES = [
    ("SGD", {}),
    ("SGD", {"momentum": 0.9, "weight_decay": 0.1}),
    ("SGD", {"momentum": 0.9, "nesterov": True}),
    ("Adam", {"weight_decay": 0.1}),
    ("Adam", {"amsgrad": True}),
    ("AdamW", {}),
    ("RMSprop", {"momentum": 0.5, "centered": True}),
    ("Adagrad", {"lr_decay": 0.1}),
    ("Adadelta", {}),
    ("Adamax", {}),
    ("NAdam", {}),
    ("RAdam", {}),
    ("Rprop", {}),
    ("ASGD", {}),
]


def test_gradient_of_a_step_with_respect_to_the_rate_and_the_start():
    p = pynn.tensor([1.0, 2.0], requires_grad=True)
    lr = pynn.tensor(0.25, requires_grad=True)
    moved = p.clone()
    moved.grad = 3 * p
    pynn.optim.SGD([moved], lr=lr, differentiable=True).step()
    assert moved.detach().tolist() == [0.25, 0.5]  # p - lr * 3 p
    moved.sum().backward()
    assert p.grad.tolist() == [0.25, 0.25]  # 1 - 3 lr
    assert lr.grad.item() == -9.0  # -3 (p0 + p1)


@pytest.mark.parametrize(("name", "options"), CASES)
def test_steps_are_those_of_the_kernel(name, options):
    found = []
    for differentiable in (False, True):
        p = pynn.tensor([0.5, -1.0, 2.0], dtype=pynn.float64, requires_grad=True)
        moved = p.clone() if differentiable else p
        optimizer = getattr(pynn.optim, name)([moved], differentiable=differentiable, **options)
        for step in range(4):
            moved.grad = pynn.tensor([1.0, -0.5, 0.25 * step], dtype=pynn.float64)
            optimizer.step()
        found.append(moved.detach().numpy())
    numpy.testing.assert_allclose(*found, rtol=1e-12)


# A new momentum buffer of SGD is a constant, in torch too.
@pytest.mark.parametrize(("name", "options"), [case for case in CASES if case[0] != "SGD" or not case[1]])
def test_gradient_of_several_steps_is_that_of_differences(name, options):
    def run(start, record):
        p = start.clone().requires_grad_(record)
        moved = p.clone()
        optimizer = getattr(pynn.optim, name)([moved], differentiable=True, **options)
        for _ in range(2):
            moved.grad = moved.clone() * 2 + 1 if name != "SGD" else pynn.ones_like(moved)
            optimizer.step()
        out = (moved * moved).sum()
        if record:
            out.backward()
            return p.grad.numpy()
        return out.item()

    start = pynn.tensor([0.5, -1.25, 2.0], dtype=pynn.float64)
    eps = 1e-6
    differences = []
    for i in range(3):
        shift = pynn.zeros(3, dtype=pynn.float64)
        shift[i] = eps
        differences.append((run(start + shift, False) - run(start - shift, False)) / (2 * eps))
    numpy.testing.assert_allclose(run(start, True), differences, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(("name", "options"), CASES)
def test_gradients_of_one_step_are_torchs(name, options):
    torch = pytest.importorskip("torch")
    found = []
    for lib in (pynn, torch):
        p = lib.tensor([0.5, -1.0, 2.0], dtype=lib.float64, requires_grad=True)
        g = lib.tensor([1.0, -0.5, 0.25], dtype=lib.float64, requires_grad=True)
        moved = p.clone()
        moved.grad = g.clone()
        getattr(lib.optim, name)([moved], differentiable=True, **options).step()
        (moved * moved).sum().backward()
        found.append([p.grad.numpy(), None if g.grad is None else g.grad.numpy()])
    for ours, theirs in zip(*found):
        assert (ours is None) == (theirs is None)
        if ours is not None:
            numpy.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-6)


def test_a_leaf_cannot_be_moved_on_the_tape():
    p = pynn.ones(2, requires_grad=True)
    p.grad = pynn.ones(2)
    with pytest.raises(RuntimeError, match="leaf"):
        pynn.optim.SGD([p], differentiable=True).step()
