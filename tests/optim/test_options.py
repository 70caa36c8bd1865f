"""What each optimizer refuses, and what it takes for torch's sake."""

import inspect

import pytest

import pynn
from pynn.optim import (
    ASGD,
    LBFGS,
    SGD,
    Adadelta,
    Adafactor,
    Adagrad,
    Adam,
    Adamax,
    AdamW,
    Muon,
    NAdam,
    RAdam,
    RMSprop,
    Rprop,
    SparseAdam,
)
from tests.optim.problems import CASES

BAD = [
    (SGD, {"lr": -1}, "Invalid learning rate: -1"),
    (SGD, {"momentum": -0.5}, "Invalid momentum value: -0.5"),
    (SGD, {"weight_decay": -0.5}, "Invalid weight_decay value: -0.5"),
    (SGD, {"nesterov": True}, "Nesterov momentum requires a momentum and zero dampening"),
    (SGD, {"nesterov": True, "momentum": 0.5, "dampening": 0.5}, "Nesterov momentum requires"),
    (Adam, {"lr": -1}, "Invalid learning rate: -1"),
    (Adam, {"eps": -1}, "Invalid epsilon value: -1"),
    (Adam, {"betas": (1.0, 0.9)}, "Invalid beta parameter at index 0: 1.0"),
    (Adam, {"betas": (0.9, -0.1)}, "Invalid beta parameter at index 1: -0.1"),
    (Adam, {"betas": (0, 0.9)}, "betas must be either both floats or both Tensors"),
    (AdamW, {"weight_decay": -1}, "Invalid weight_decay value: -1"),
    (RMSprop, {"alpha": -1}, "Invalid alpha value: -1"),
    (RMSprop, {"momentum": -1}, "Invalid momentum value: -1"),
    (Adagrad, {"lr_decay": -1}, "Invalid lr_decay value: -1"),
    (Adagrad, {"initial_accumulator_value": -1}, "Invalid initial_accumulator_value value: -1"),
    (Adadelta, {"rho": 1.5}, "Invalid rho value: 1.5"),
    (Adamax, {"betas": (0.9, 1.0)}, "Invalid beta parameter at index 1: 1.0"),
    (NAdam, {"momentum_decay": -1}, "Invalid momentum_decay value: -1"),
    (RAdam, {"eps": -1}, "Invalid epsilon value: -1"),
    (Rprop, {"etas": (1.5, 2.0)}, "Invalid eta values: 1.5, 2.0"),
    (ASGD, {"weight_decay": -1}, "Invalid weight_decay value: -1"),
    (LBFGS, {"lr": -1}, "Invalid learning rate: -1"),
    (Adafactor, {"lr": -1}, "Learning rate should be >= 0 but is: -1"),
    (Adafactor, {"beta2_decay": 0.5}, "beta2_decay should be <= 0 but is: 0.5"),
    (Adafactor, {"eps": (-1, 1e-3)}, "epsilon1 should be >= 0 but is: -1"),
    (Adafactor, {"eps": (None, -1)}, "epsilon2 should be >= 0 but is: -1"),
    (Adafactor, {"d": 0.5}, "Clipping threshold d should be >= 1 but is: 0.5"),
    (Adafactor, {"weight_decay": -1}, "weight_decay should be >= 0 but is: -1"),
    (Muon, {"momentum": -1}, "momentum should be >= 0 but is: -1"),
    (Muon, {"weight_decay": -1}, "weight decay should be >= 0 but is: -1"),
    (Muon, {"adjust_lr_fn": "arbitrary"}, "Adjust learning rate function arbitrary is not supported"),
    (Muon, {}, "Muon only supports 2D parameters whereas we found a parameter with size: "),
    (SparseAdam, {"eps": 0.0}, "Invalid epsilon value: 0.0"),
    (RMSprop, {"lr": float("nan")}, "Invalid learning rate: nan"),
]


def leaf():
    return pynn.ones(2, requires_grad=True)


@pytest.mark.parametrize(("kind", "options", "message"), BAD)
def test_values_out_of_range(kind, options, message):
    with pytest.raises(ValueError, match=message):
        kind([leaf()], **options)


@pytest.mark.parametrize("name", [*CASES, "LBFGS", "Muon", "SparseAdam"])
def test_signature_is_torchs(name):
    torch = pytest.importorskip("torch")

    def shape(kind):
        return [(p.name, p.default, p.kind) for p in inspect.signature(kind.__init__).parameters.values()]

    assert shape(getattr(pynn.optim, name)) == shape(getattr(torch.optim, name))


@pytest.mark.parametrize("kind", [SGD, Adam, AdamW, RMSprop])
def test_switches(kind):
    kind([leaf()], foreach=True)
    kind([leaf()], differentiable=True)
    with pytest.raises(ValueError, match="Tensor lr must be 1-element, got 2 elements"):
        kind([leaf()], lr=pynn.ones(2))
    if kind is not RMSprop:
        kind([leaf()], fused=True)
        with pytest.raises(RuntimeError, match="`fused` does not support `differentiable`"):
            kind([leaf()], fused=True, differentiable=True)
        with pytest.raises(RuntimeError, match="cannot be `True` together"):
            kind([leaf()], fused=True, foreach=True)


def test_adam_takes_tensors_for_numbers():
    p = leaf()
    p.grad = pynn.ones(2)
    optimizer = Adam([p], lr=pynn.tensor(0.5), betas=(pynn.tensor(0.5), pynn.tensor(0.5)))
    optimizer.step()
    assert p.detach().numpy() == pytest.approx([0.5, 0.5])
    with pytest.raises(ValueError, match="lr as a Tensor is not supported"):
        Adam([leaf()], lr=pynn.tensor(0.5), foreach=True)
    half = pynn.tensor(0.5)
    with pytest.raises(ValueError, match="betas\\[0\\] as a Tensor is not supported"):
        Adam([leaf()], betas=(half, half), foreach=True)
    with pytest.raises(ValueError, match="Tensor betas\\[1\\] must be 1-element, got 2"):
        Adam([leaf()], betas=(pynn.tensor([0.5]), pynn.tensor([0.5, 0.5])))
