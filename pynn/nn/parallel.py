"""Wrappers for several devices, on the one there is: the wrapped module runs as it is."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pynn._stand_ins import StandIn, stand_in
from pynn.nn.module import Module

__all__ = ["DataParallel", "DistributedDataParallel", "data_parallel"]

__path__: list[str] = []  # torch's modules inside this one are found by pynn._stand_ins
sys.modules[f"{__name__}.data_parallel"] = sys.modules[__name__]  # but this one would take its function's place


class DataParallel(Module):
    """Runs `module`: on the CPU there is nothing to spread a batch over, kernels use several threads as it is.

    The state's keys begin with "module.", as in torch.
    """

    def __init__(self, module: Module, device_ids: Any = None, output_device: Any = None, dim: int = 0) -> None:
        super().__init__()
        self.module = module
        self.dim = dim
        self.device_ids: list[Any] = []

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        return self.module(*inputs, **kwargs)


def data_parallel(
    module: Module,
    inputs: Any,
    device_ids: Any = None,
    output_device: Any = None,
    dim: int = 0,
    module_kwargs: dict[str, Any] | None = None,
) -> Any:
    """module(*inputs, **module_kwargs)."""
    arguments = inputs if isinstance(inputs, tuple) else (inputs,)
    return module(*arguments, **(module_kwargs or {}))


class DistributedDataParallel(Module):
    """Runs `module` in this one process, where there is nobody to exchange gradients with.

    The state's keys begin with "module.", as in torch. Raises RuntimeError where the environment's WORLD_SIZE says that
    several processes take part, and for a module without parameters that need gradients.
    """

    def __init__(
        self,
        module: Module,
        device_ids: Any = None,
        output_device: Any = None,
        dim: int = 0,
        broadcast_buffers: Any = None,
        init_sync: bool = True,
        process_group: Any = None,
        bucket_cap_mb: Any = None,
        find_unused_parameters: bool = False,
        check_reduction: bool = False,
        gradient_as_bucket_view: bool = False,
        static_graph: bool = False,
        delay_all_reduce_named_params: Any = None,
        param_to_hook_all_reduce: Any = None,
        mixed_precision: Any = None,
        device_mesh: Any = None,
        skip_all_reduce_unused_params: bool = False,
        bucket_cap_mb_list: Any = None,
        batched_grad_copy: bool = False,
        forward_sync_buffers: Any = None,
    ) -> None:
        super().__init__()
        size = os.environ.get("WORLD_SIZE", "1")
        if size.strip() not in ("", "1"):
            raise RuntimeError(
                f"DistributedDataParallel: WORLD_SIZE is {size}, but pynn trains in one process. Start the program alone "
                "(without torchrun), or set WORLD_SIZE=1."
            )
        if not any(p.requires_grad for p in module.parameters()):
            raise RuntimeError(
                "DistributedDataParallel is not needed when a module doesn't have any parameter that requires a gradient."
            )
        self.module = module
        self.dim = dim
        self.device_ids = device_ids
        self.output_device = output_device
        self.process_group = process_group
        self.find_unused_parameters = find_unused_parameters
        self.require_backward_grad_sync = True

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        return self.module(*inputs, **kwargs)

    @contextmanager
    def no_sync(self) -> Iterator[None]:
        """A block without exchange of gradients, of which there is none anyway."""
        before, self.require_backward_grad_sync = self.require_backward_grad_sync, False
        try:
            yield
        finally:
            self.require_backward_grad_sync = before

    def join(self, *args: Any, **kwargs: Any) -> Any:
        """A block for inputs of uneven number among processes: with one process any number is even."""
        from contextlib import nullcontext

        return nullcontext()


def __getattr__(name: str) -> StandIn:
    if name in ("gather", "parallel_apply", "replicate", "scatter", "scatter_kwargs"):
        return stand_in(__name__, name, "there is one device to compute on; call the module on the whole batch.")
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'.")
