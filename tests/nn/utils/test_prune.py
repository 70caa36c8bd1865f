"""Pruning."""

import copy
import importlib

import pytest

import pynn
from pynn import nn
from pynn.nn.utils import prune


def layer():
    made = nn.Linear(4, 2)
    with pynn.no_grad():
        made.weight.copy_(pynn.tensor([[1.0, -5.0, 3.0, -2.0], [0.5, 8.0, -7.0, 6.0]]))
    return made


def test_l1_unstructured():
    module = layer()
    assert prune.l1_unstructured(module, "weight", amount=3) is module
    assert module.weight.tolist() == [[0, -5, 3, 0], [0, 8, -7, 6]]
    assert sorted(module.state_dict()) == ["bias", "weight_mask", "weight_orig"]
    assert prune.is_pruned(module)
    assert "weight" not in dict(module.named_parameters())
    module(pynn.ones(1, 4)).sum().backward()
    assert module.weight_orig.grad.tolist() == [[0, 1, 1, 0], [0, 1, 1, 1]]
    with pynn.no_grad():
        module.weight_orig.fill_(9.0)
    module(pynn.ones(1, 4))
    assert module.weight.tolist() == [[0, 9, 9, 0], [0, 9, 9, 9]]
    prune.remove(module, "weight")
    assert isinstance(module.weight, nn.Parameter)
    assert module.weight.tolist() == [[0, 9, 9, 0], [0, 9, 9, 9]]
    assert not prune.is_pruned(module)
    assert list(module.state_dict()) == ["bias", "weight"]
    with pytest.raises(ValueError, match="has to be pruned before pruning can be removed"):
        prune.remove(module, "weight")


def test_amount_as_a_share_and_importance_scores():
    module = layer()
    prune.l1_unstructured(module, "weight", amount=0.25)
    assert (module.weight == 0).sum().item() == 2
    module = layer()
    scores = pynn.arange(8.0).reshape(2, 4)
    prune.l1_unstructured(module, "weight", amount=2, importance_scores=scores)
    assert module.weight_mask.tolist() == [[0, 0, 1, 1], [1, 1, 1, 1]]


def test_structured():
    module = layer()
    prune.ln_structured(module, "weight", amount=1, n=1, dim=0)
    assert module.weight_mask.tolist() == [[0] * 4, [1] * 4]
    module = layer()
    prune.ln_structured(module, "weight", amount=0.5, n=float("inf"), dim=1)
    assert module.weight_mask.tolist() == [[0, 1, 1, 0], [0, 1, 1, 0]]
    module = layer()
    prune.random_structured(module, "weight", amount=3, dim=-1)
    assert module.weight_mask.sum(0).tolist().count(2.0) == 1


def test_random_and_identity_and_custom():
    pynn.manual_seed(0)
    module = layer()
    prune.random_unstructured(module, "weight", amount=5)
    assert module.weight_mask.sum().item() == 3
    module = layer()
    prune.identity(module, "bias")
    assert module.bias_mask.tolist() == [1, 1]
    module = layer()
    prune.custom_from_mask(module, "weight", mask=pynn.tensor([[1, 0, 1, 0], [0, 1, 0, 1]]))
    assert module.weight.tolist() == [[1, 0, 3, 0], [0, 8, 0, 6]]


def test_methods_add_up_in_a_container():
    module = layer()
    prune.l1_unstructured(module, "weight", amount=2)
    prune.ln_structured(module, "weight", amount=1, n=2, dim=0)
    assert module.weight_mask.tolist() == [[0] * 4, [0, 1, 1, 1]]
    prune.l1_unstructured(module, "weight", amount=1)  # of what is left
    assert module.weight_mask.tolist() == [[0] * 4, [0, 1, 1, 0]]
    (hook,) = module._forward_pre_hooks.values()
    assert isinstance(hook, prune.PruningContainer)
    assert len(hook) == 3
    assert [type(m).__name__ for m in hook] == ["L1Unstructured", "LnStructured", "L1Unstructured"]
    assert hook[0].amount == 2


@pytest.mark.parametrize(("amount", "pruned"), [(0.2, 2), (0.3, 2), (0.0, 0), (1.0, 8)])
def test_a_share_is_rounded(lib, amount, pruned):
    module = lib.nn.Linear(4, 2)
    importlib.import_module(lib.__name__ + ".nn.utils.prune").l1_unstructured(module, "weight", amount=amount)
    assert (module.weight_mask == 0).sum().item() == pruned


def test_slices_that_are_gone_are_not_counted_again(lib):
    prune = importlib.import_module(lib.__name__ + ".nn.utils.prune")
    module = lib.nn.Linear(4, 2)
    with lib.no_grad():
        module.weight.copy_(lib.tensor([[1.0, -5.0, 3.0, -2.0], [0.5, 8.0, -7.0, 6.0]]))
    for mask in ([0, 1, 1, 1], [0, 1, 1, 0], [0, 1, 0, 0]):
        prune.ln_structured(module, "weight", amount=1, n=1, dim=1)
        assert module.weight_mask.tolist() == [mask, mask]


@pytest.mark.parametrize("times", [1, 2])
def test_a_failure_leaves_what_was_pruned_before(times):
    module = layer()
    for _ in range(times):
        prune.l1_unstructured(module, "weight", amount=1)
    mask = module.weight_mask.clone()
    with pytest.raises(ValueError, match="amount=9 should be smaller"):
        prune.ln_structured(module, "weight", amount=9, n=1, dim=0)
    (hook,) = module._forward_pre_hooks.values()
    assert isinstance(hook, prune.L1Unstructured if times == 1 else prune.PruningContainer)
    assert pynn.equal(module.weight_mask, mask)
    with pynn.no_grad():
        module.weight_orig.fill_(2.0)
    module(pynn.ones(1, 4))
    assert pynn.equal(module.weight, 2 * mask)
    prune.l1_unstructured(module, "weight", amount=1)
    (hook,) = module._forward_pre_hooks.values()
    assert len(hook) == times + 1


def test_global_unstructured():
    first, second = layer(), layer()
    with pynn.no_grad():
        second.weight.mul_(10)
    prune.global_unstructured([(first, "weight"), (second, "weight")], prune.L1Unstructured, amount=8)
    # of all 16 the 8 least: 7 of the first (all but 8) and one of the second (5)
    assert (first.weight == 0).sum().item() == 7
    assert second.weight_mask.tolist() == [[1, 1, 1, 1], [0, 1, 1, 1]]
    with pytest.raises(TypeError, match='Only "unstructured" PRUNING_TYPE supported'):
        prune.global_unstructured([(first, "weight")], prune.LnStructured, amount=1, n=2)


def test_a_pruned_module_gives_its_state_to_another():
    module = layer()
    prune.l1_unstructured(module, "weight", amount=3)
    with pynn.no_grad():  # as in torch, a weight with history cannot be copied
        module(pynn.ones(1, 4))
    twin = copy.deepcopy(module)
    assert pynn.equal(twin(pynn.ones(1, 4)), module(pynn.ones(1, 4)))
    assert prune.is_pruned(twin)
    fresh = layer()
    prune.identity(fresh, "weight")
    fresh.load_state_dict(module.state_dict())
    assert pynn.equal(fresh(pynn.ones(1, 4)), module(pynn.ones(1, 4)))


def test_prune_a_tensor():
    t = pynn.tensor([3.0, -1.0, 2.0])
    assert prune.L1Unstructured(amount=1).prune(t).tolist() == [3.0, 0.0, 2.0]
    with pytest.raises(AssertionError, match="same shape as tensor t"):
        prune.L1Unstructured(amount=1).prune(t, importance_scores=pynn.ones(2))


def test_errors():
    module = layer()
    with pytest.raises(TypeError, match="Invalid type for amount"):
        prune.l1_unstructured(module, "weight", amount="many")
    for amount in (-1, 1.5, -0.1):
        with pytest.raises(ValueError, match="should either be a float in the range"):
            prune.l1_unstructured(module, "weight", amount=amount)
    with pytest.raises(ValueError, match="amount=9 should be smaller than the number of parameters to prune=8"):
        prune.l1_unstructured(module, "weight", amount=9)
    assert isinstance(module.weight, nn.Parameter)  # a failure leaves the module as it was
    with pytest.raises(ValueError, match="Structured pruning can only be applied to multidimensional tensors"):
        prune.ln_structured(module, "bias", amount=1, n=2, dim=0)
    with pytest.raises(IndexError, match="Invalid dim 2"):
        prune.random_structured(module, "weight", amount=1, dim=2)
    with pytest.raises(TypeError, match="is not a BasePruningMethod subclass"):
        prune.PruningContainer().add_pruning_method("x")
