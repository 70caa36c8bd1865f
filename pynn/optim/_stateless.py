"""An optimizer on other parameters and another state, for a block."""

import contextlib
from collections.abc import Iterator
from typing import Any

from pynn._core import Tensor
from pynn.optim.optimizer import Optimizer

__all__ = ["swap_in_optimizer_params_and_state"]


@contextlib.contextmanager
def swap_in_optimizer_params_and_state(
    optimizer: Optimizer, swapin_parameters: dict[str, Tensor], swapin_optim_state: dict[str, Any]
) -> Iterator[None]:
    """Let an optimizer work on other parameters with another state, for a block; then it has its own again.

    swapin_parameters: tensors in the order of the optimizer's own. swapin_optim_state: like `optimizer.state_dict()`.
    What is written into those tensors stays; what the block assigns to the optimizer is forgotten.
    RuntimeError where a number of groups or parameters differs from the optimizer's.
    """
    groups = swapin_optim_state.get("param_groups")
    if not isinstance(groups, list):
        raise RuntimeError(
            "swap_in_optimizer_params_and_state requires swapin_optim_state['param_groups'] to be a list of param-group dicts, "
            f"got {type(groups).__name__}."
        )
    if len(groups) != len(optimizer.param_groups):
        raise RuntimeError(
            "swapin_optim_state has a different number of parameter groups than the live optimizer: "
            f"{len(groups)}, not {len(optimizer.param_groups)}."
        )
    given = list(swapin_parameters.values())
    if len(given) < sum(len(group["params"]) for group in optimizer.param_groups):
        raise RuntimeError(
            "swap_in_optimizer_params_and_state requires the explicit parameter state to match optimizer.param_groups "
            f"ordering: there are {len(given)} parameters."
        )
    parameters = iter(given)
    by_id: dict[Any, Tensor] = {}
    swapped = []
    for group, own in zip(groups, optimizer.param_groups):
        if len(group["params"]) != len(own["params"]):
            raise RuntimeError(
                "swapin_optim_state has a parameter group of another size than the live optimizer: "
                f"{len(group['params'])}, not {len(own['params'])}."
            )
        params = [by_id.setdefault(number, next(parameters)) for number in group["params"]]
        swapped.append({**group, "params": params})
    states = {by_id[key]: dict(value) for key, value in swapin_optim_state.get("state", {}).items() if key in by_id}
    before = optimizer.param_groups, optimizer.state
    optimizer.param_groups, optimizer.state = swapped, optimizer._table(states)
    try:
        yield
    finally:
        optimizer.param_groups, optimizer.state = before
