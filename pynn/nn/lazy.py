"""Modules that learn the size of their input from the first one: LazyLinear, LazyConv2d, LazyBatchNorm2d and so on.

Until then their parameters are uninitialized (`pynn.nn.parameter.UninitializedParameter`); afterwards the module is
an ordinary Linear, Conv2d, ... Call it once before handing its parameters to an optimizer.
"""

from typing import Any

from pynn.autograd import no_grad
from pynn.nn._uninitialized import UninitializedBuffer, UninitializedParameter, is_lazy
from pynn.nn.batchnorm import (
    BatchNorm1d,
    BatchNorm2d,
    BatchNorm3d,
    InstanceNorm1d,
    InstanceNorm2d,
    InstanceNorm3d,
)
from pynn.nn.conv import Conv1d, Conv2d, Conv3d, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from pynn.nn.linear import Linear
from pynn.ops.from_data import tensor

__all__ = [
    "LazyBatchNorm1d", "LazyBatchNorm2d", "LazyBatchNorm3d", "LazyConv1d", "LazyConv2d", "LazyConv3d",
    "LazyConvTranspose1d", "LazyConvTranspose2d", "LazyConvTranspose3d", "LazyInstanceNorm1d", "LazyInstanceNorm2d",
    "LazyInstanceNorm3d", "LazyLinear", "LazyModuleMixin",
]  # fmt: skip


class LazyModuleMixin:
    """Put before a Module among a class's bases to infer its parameters' shapes at the first call.

    The class sets UninitializedParameters in __init__, materializes them in `initialize_parameters`, which gets the
    arguments of the first call, and names in `cls_to_become` what instances are from then on (None: what they were).
    """

    cls_to_become: type | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        own: Any = self
        self._load_hook = own._register_load_state_dict_pre_hook(self._lazy_load_hook)
        self._initialize_hook = own.register_forward_pre_hook(self._infer_parameters, with_kwargs=True)

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        for name, value in self._own_state().items():  # type: ignore[attr-defined]
            destination[prefix + name] = value if keep_vars or is_lazy(value) else value.detach()

    def _lazy_load_hook(self, state_dict: Any, prefix: str, *rest: Any) -> None:
        """Give what has no shape yet the shape of what is about to be loaded."""
        for name, held in {**self._parameters, **self._buffers}.items():  # type: ignore[attr-defined]
            given = state_dict.get(prefix + name)
            if given is not None and is_lazy(held) and not is_lazy(given):
                with no_grad():
                    held.materialize(given.shape)

    def initialize_parameters(self, *args: Any, **kwargs: Any) -> None:
        """Materialize the parameters for the arguments of the first call; every lazy class defines it."""
        raise NotImplementedError(f"initialize_parameters is not implemented for {type(self).__name__}")

    def has_uninitialized_params(self) -> bool:
        """Whether any parameter or buffer of this module itself has no shape yet."""
        return any(is_lazy(p) for p in (*self._parameters.values(), *self._buffers.values()))  # type: ignore[attr-defined]

    def _infer_parameters(self, module: Any, args: Any, kwargs: Any = None) -> None:
        module.initialize_parameters(*args, **(kwargs or {}))
        if module.has_uninitialized_params():
            raise RuntimeError(f"module {type(self).__name__} has not been fully initialized")
        module._initialize_hook.remove()
        module._load_hook.remove()
        del module._initialize_hook, module._load_hook
        if module.cls_to_become is not None:
            module.__class__ = module.cls_to_become

    def _replicate_for_data_parallel(self) -> None:
        raise RuntimeError(
            "Modules with uninitialized parameters can't be used with `DataParallel`. Run a dummy forward pass to "
            "correctly initialize the modules"
        )


class _LazySize(LazyModuleMixin):
    """What all lazy modules here share: the attribute `_inferred` (0 until then) is a size of the first input."""

    _inferred = ""

    def reset_parameters(self) -> None:
        """Give the parameters their starting values anew, once they have a shape."""
        if not self.has_uninitialized_params() and getattr(self, self._inferred) != 0:
            super().reset_parameters()  # type: ignore[misc]

    def initialize_parameters(self, input: Any, *args: Any, **kwargs: Any) -> None:
        """Take the size from the first input, and give the parameters their shapes unless they were loaded."""
        if self.has_uninitialized_params():
            with no_grad():
                setattr(self, self._inferred, self._size_of(input))
                self._materialize()
                self.reset_parameters()
        if getattr(self, self._inferred) == 0:  # the parameters were loaded
            setattr(self, self._inferred, self._size_of(input))

    def _size_of(self, input: Any) -> int:
        """The size in question; the classes below override it where it is another than the second one."""
        size: int = input.shape[1]
        return size

    def _materialize(self) -> None:
        """Give every parameter and buffer its shape."""
        raise NotImplementedError(f"_materialize is not implemented for {type(self).__name__}")


class LazyLinear(_LazySize, Linear):
    """A Linear whose in_features is the last size of its first input."""

    cls_to_become = Linear
    _inferred = "in_features"

    def __init__(self, out_features: int, bias: bool = True, device: Any = None, dtype: Any = None) -> None:
        super().__init__(0, 0, False)
        self.weight = UninitializedParameter(device=device, dtype=dtype)
        self.out_features = out_features
        if bias:
            self.bias = UninitializedParameter(device=device, dtype=dtype)

    def _size_of(self, input: Any) -> int:
        size: int = input.shape[-1]
        return size

    def _materialize(self) -> None:
        own: Any = self
        own.weight.materialize((self.out_features, self.in_features))
        if self.bias is not None:
            own.bias.materialize((self.out_features,))


class _LazyConvNd(_LazySize):
    """What the lazy convolutions share: in_channels is the size of the first input's channel dimension."""

    _inferred = "in_channels"

    def __init__(self, out_channels: int, bias: bool, device: Any, dtype: Any, args: dict[str, Any]) -> None:
        super().__init__(0, 0, bias=False, **args)
        own: Any = self
        own.weight = UninitializedParameter(device=device, dtype=dtype)
        own.out_channels = out_channels
        if bias:
            own.bias = UninitializedParameter(device=device, dtype=dtype)

    def _materialize(self) -> None:
        own: Any = self
        if own.in_channels % own.groups != 0:
            raise ValueError(f"in_channels must be divisible by groups, got {own.in_channels} and {own.groups}")
        sizes = (own.out_channels, own.in_channels)
        first, second = sizes[::-1] if own.transposed else sizes
        own.weight.materialize((first, second // own.groups, *own.kernel_size))
        if own.bias is not None:
            own.bias.materialize((own.out_channels,))

    def _size_of(self, input: Any) -> int:
        """The channels of an input (N, in_channels, ...) or (in_channels, ...)."""
        own: Any = self
        without, batched = own._dims + 1, own._dims + 2
        if input.dim() not in (without, batched):
            raise RuntimeError(
                f"Expected {without}D (unbatched) or {batched}D (batched) input to {type(self).__name__}, but got input "
                f"of size: {input.shape}"
            )
        channels: int = input.shape[1] if input.dim() == batched else input.shape[0]
        return channels


class _LazyConv(_LazyConvNd):
    def __init__(self, out_channels: int, kernel_size: Any, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
                 groups: int = 1, bias: bool = True, padding_mode: str = "zeros", device: Any = None,
                 dtype: Any = None) -> None:  # fmt: skip
        args = {"kernel_size": kernel_size, "stride": stride, "padding": padding, "dilation": dilation,
                "groups": groups, "padding_mode": padding_mode}  # fmt: skip
        super().__init__(out_channels, bias, device, dtype, args)


class _LazyConvTranspose(_LazyConvNd):
    def __init__(self, out_channels: int, kernel_size: Any, stride: Any = 1, padding: Any = 0, output_padding: Any = 0,
                 groups: int = 1, bias: bool = True, dilation: Any = 1, padding_mode: str = "zeros", device: Any = None,
                 dtype: Any = None) -> None:  # fmt: skip
        args = {"kernel_size": kernel_size, "stride": stride, "padding": padding, "output_padding": output_padding,
                "groups": groups, "dilation": dilation, "padding_mode": padding_mode}  # fmt: skip
        super().__init__(out_channels, bias, device, dtype, args)


class LazyConv1d(_LazyConv, Conv1d):
    """A Conv1d whose in_channels comes from its first input."""

    cls_to_become = Conv1d


class LazyConv2d(_LazyConv, Conv2d):
    """A Conv2d whose in_channels comes from its first input."""

    cls_to_become = Conv2d


class LazyConv3d(_LazyConv, Conv3d):
    """A Conv3d whose in_channels comes from its first input."""

    cls_to_become = Conv3d


class LazyConvTranspose1d(_LazyConvTranspose, ConvTranspose1d):
    """A ConvTranspose1d whose in_channels comes from its first input."""

    cls_to_become = ConvTranspose1d


class LazyConvTranspose2d(_LazyConvTranspose, ConvTranspose2d):
    """A ConvTranspose2d whose in_channels comes from its first input."""

    cls_to_become = ConvTranspose2d


class LazyConvTranspose3d(_LazyConvTranspose, ConvTranspose3d):
    """A ConvTranspose3d whose in_channels comes from its first input."""

    cls_to_become = ConvTranspose3d


class _LazyNormBase(_LazySize):
    """What the lazy normalisations share: num_features is the size of the first input's dimension 1."""

    _inferred = "num_features"

    def __init__(self, eps: float = 1e-5, momentum: float | None = 0.1, affine: bool = True,
                 track_running_stats: bool = True, device: Any = None, dtype: Any = None, *,
                 bias: bool = True) -> None:  # fmt: skip
        super().__init__(0, eps, momentum, False, False)
        own: Any = self
        like = {"device": device, "dtype": dtype}
        own.affine = affine
        own.track_running_stats = track_running_stats
        if affine:
            own.weight = UninitializedParameter(**like)
            if bias:
                own.bias = UninitializedParameter(**like)
        if track_running_stats:
            own.running_mean = UninitializedBuffer(**like)
            own.running_var = UninitializedBuffer(**like)
            own.num_batches_tracked = tensor(0)

    def _materialize(self) -> None:
        own: Any = self
        for held in (own.weight, own.bias, own.running_mean, own.running_var):
            if is_lazy(held):
                held.materialize((own.num_features,))


class LazyBatchNorm1d(_LazyNormBase, BatchNorm1d):
    """A BatchNorm1d whose num_features comes from its first input."""

    cls_to_become = BatchNorm1d


class LazyBatchNorm2d(_LazyNormBase, BatchNorm2d):
    """A BatchNorm2d whose num_features comes from its first input."""

    cls_to_become = BatchNorm2d


class LazyBatchNorm3d(_LazyNormBase, BatchNorm3d):
    """A BatchNorm3d whose num_features comes from its first input."""

    cls_to_become = BatchNorm3d


class LazyInstanceNorm1d(_LazyNormBase, InstanceNorm1d):
    """An InstanceNorm1d whose num_features comes from its first input."""

    cls_to_become = InstanceNorm1d


class LazyInstanceNorm2d(_LazyNormBase, InstanceNorm2d):
    """An InstanceNorm2d whose num_features comes from its first input."""

    cls_to_become = InstanceNorm2d


class LazyInstanceNorm3d(_LazyNormBase, InstanceNorm3d):
    """An InstanceNorm3d whose num_features comes from its first input."""

    cls_to_become = InstanceNorm3d
