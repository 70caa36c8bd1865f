"""Normalisation with running statistics: BatchNorm (arXiv:1502.03167) and InstanceNorm (arXiv:1607.08022)."""

import warnings
from typing import Any, ClassVar

from pynn._core import Tensor
from pynn.nn import functional as F
from pynn.nn import init
from pynn.nn.module import Module
from pynn.nn.parameter import Parameter
from pynn.ops.creation import empty, ones, zeros
from pynn.ops.from_data import tensor

__all__ = [
    "BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d",
    "SyncBatchNorm",
]  # fmt: skip


class _NormBase(Module):
    """The parameters and running statistics of both families.

    weight, bias: (num_features,), trained, where affine. running_mean, running_var: (num_features,) and
    num_batches_tracked: a count, where track_running_stats.
    """

    _version = 2  # 1 had no num_batches_tracked
    _ndims: ClassVar[tuple[int, ...]] = ()  # the numbers of dimensions an input may have

    def __init__(
        self,
        num_features: int,
        eps: float,
        momentum: float | None,
        affine: bool,
        track_running_stats: bool,
        device: Any,
        dtype: Any,
        bias: bool,
    ) -> None:
        super().__init__()
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        like = {"device": device, "dtype": dtype}
        self.register_parameter("weight", Parameter(empty(num_features, **like)) if affine else None)
        self.register_parameter("bias", Parameter(empty(num_features, **like)) if affine and bias else None)
        self.register_buffer("running_mean", zeros(num_features, **like) if track_running_stats else None)
        self.register_buffer("running_var", ones(num_features, **like) if track_running_stats else None)
        self.register_buffer("num_batches_tracked", tensor(0) if track_running_stats else None)
        self.reset_parameters()

    def reset_running_stats(self) -> None:
        """Forget the running statistics."""
        if self.track_running_stats:
            self.running_mean.zero_()
            self.running_var.fill_(1)
            self.num_batches_tracked.zero_()

    def reset_parameters(self) -> None:
        """Set the weight to 1 and the bias to 0, and forget the running statistics."""
        self.reset_running_stats()
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def _check_input_dim(self, input: Any) -> None:
        if input.dim() not in self._ndims:
            wanted = " or ".join(f"{n}D" for n in self._ndims)
            raise ValueError(f"expected {wanted} input (got {input.dim()}D input of shape {list(input.shape)})")

    def _load_from_state_dict(self, state_dict: Any, prefix: Any, local_metadata: Any, *rest: Any) -> None:
        if (local_metadata.get("version") or 1) < 2 and self.track_running_stats:
            key = prefix + "num_batches_tracked"
            if key not in state_dict:
                state_dict[key] = self.num_batches_tracked.clone()
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )


class _BatchNorm(_NormBase):
    """Each channel shifted and scaled to mean 0 and variance 1 over the batch, then by weight and bias.

    In training the batch's statistics serve, and move the running ones by momentum (None: their plain average);
    in evaluation the running ones serve, or the batch's where track_running_stats is False.
    Raises ValueError for an input of another number of dimensions.
    """

    def __init__(self, num_features: int, eps: float=1e-5, momentum: float | None=0.1, affine: bool=True, track_running_stats: bool=True, device: Any=None,
                 dtype: Any=None, *, bias: bool=True) -> None:  # fmt: skip
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias)

    def forward(self, input: Tensor) -> Tensor:
        self._check_input_dim(input)
        momentum = 0.0 if self.momentum is None else self.momentum
        tracking = self.training and self.track_running_stats
        if tracking and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
            if self.momentum is None:
                momentum = 1.0 / self.num_batches_tracked.item()
        mean, var = (self.running_mean, self.running_var) if tracking or not self.training else (None, None)
        from_batch = self.training or (self.running_mean is None and self.running_var is None)
        return F.batch_norm(input, mean, var, self.weight, self.bias, from_batch, momentum, self.eps)


class BatchNorm1d(_BatchNorm):
    __doc__ = f"For (N, C) or (N, C, L). {_BatchNorm.__doc__}"
    _ndims = (2, 3)


class BatchNorm2d(_BatchNorm):
    __doc__ = f"For (N, C, H, W). {_BatchNorm.__doc__}"
    _ndims = (4,)


class BatchNorm3d(_BatchNorm):
    __doc__ = f"For (N, C, D, H, W). {_BatchNorm.__doc__}"
    _ndims = (5,)


class SyncBatchNorm(_BatchNorm):
    """BatchNorm for (N, C, ...) of any number of dimensions; with the one process there is, the statistics are its own."""

    def __init__(self, num_features: int, eps: float=1e-5, momentum: float | None=0.1, affine: bool=True, track_running_stats: bool=True, process_group: Any=None,
                 device: Any=None, dtype: Any=None, *, bias: bool=True) -> None:  # fmt: skip
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)
        self.process_group = process_group

    def _check_input_dim(self, input: Any) -> None:
        if input.dim() < 2:
            raise ValueError(f"expected at least 2D input (got {input.dim()}D input)")

    @classmethod
    def convert_sync_batchnorm(cls, module: Module, process_group: Any = None) -> Module:
        """module with every BatchNorm in it replaced by a SyncBatchNorm of the same state; module itself where it is one."""
        result = module
        if isinstance(module, _BatchNorm) and not isinstance(module, cls):
            result = cls(
                module.num_features,
                module.eps,
                module.momentum,
                module.affine,
                module.track_running_stats,
                process_group,
            )
            result.weight, result.bias = module.weight, module.bias
            result.running_mean, result.running_var = module.running_mean, module.running_var
            result.num_batches_tracked = module.num_batches_tracked
            result.training = module.training
        for name, child in module.named_children():
            result.add_module(name, cls.convert_sync_batchnorm(child, process_group))
        return result


class _InstanceNorm(_NormBase):
    """Each channel of each sample shifted and scaled to mean 0 and variance 1, then by weight and bias.

    With track_running_stats, running statistics are kept, and used in evaluation. An input without the batch
    dimension is one sample. Raises ValueError for an input of another number of dimensions.
    """

    def __init__(self, num_features: int, eps: float=1e-5, momentum: float | None=0.1, affine: bool=False, track_running_stats: bool=False, device: Any=None,
                 dtype: Any=None, *, bias: bool=True) -> None:  # fmt: skip
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias)

    def forward(self, input: Tensor) -> Tensor:
        self._check_input_dim(input)
        alone = input.dim() == self._ndims[0]
        if input.shape[0 if alone else 1] != self.num_features:
            text = (
                f"input's size at dim={0 if alone else 1} to match num_features ({self.num_features}), but got: "
                f"{input.shape[0 if alone else 1]}."
            )
            if self.affine:
                raise ValueError(f"expected {text}")
            warnings.warn(f"Expected {text} It is not used, since affine=False.", UserWarning, stacklevel=2)
        from_input = self.training or not self.track_running_stats
        momentum = 0.0 if self.momentum is None else self.momentum
        out = F.instance_norm(
            input.unsqueeze(0) if alone else input,
            self.running_mean, self.running_var, self.weight, self.bias, from_input, momentum, self.eps,
        )  # fmt: skip
        return out.squeeze(0) if alone else out


class InstanceNorm1d(_InstanceNorm):
    __doc__ = f"For (N, C, L) or (C, L). {_InstanceNorm.__doc__}"
    _ndims = (2, 3)


class InstanceNorm2d(_InstanceNorm):
    __doc__ = f"For (N, C, H, W) or (C, H, W). {_InstanceNorm.__doc__}"
    _ndims = (3, 4)


class InstanceNorm3d(_InstanceNorm):
    __doc__ = f"For (N, C, D, H, W) or (C, D, H, W). {_InstanceNorm.__doc__}"
    _ndims = (4, 5)
