"""torch's older window functions, `hann_window` and the like: `pynn.signal.windows` by other arguments."""

from typing import Any

from pynn._core import Tensor
from pynn._device import DeviceLike
from pynn._dtypes import dtype as Dtype
from pynn._layout import layout as Layout
from pynn.ops.registry import export


def _window(name: str, window_length: int, periodic: bool, called: str | None = None, **options: Any) -> Tensor:
    """What pynn.signal.windows calls `name`; `called`: the name without "_window" that an error gives it."""
    if window_length < 0:
        raise RuntimeError(
            f"{called or name}_window requires non-negative window_length, got window_length={window_length}."
        )
    from pynn.signal import windows

    made: Tensor = getattr(windows, name)(window_length, sym=not periodic, **options)
    return made


def _published(name: str) -> None:
    def function(
        window_length: int,
        periodic: bool = True,
        *,
        dtype: Dtype | None = None,
        layout: Layout | None = None,
        device: DeviceLike | None = None,
        pin_memory: bool = False,
        requires_grad: bool = False,
    ) -> Tensor:
        return _window(name, window_length, periodic, dtype=dtype, device=device, requires_grad=requires_grad)

    function.__name__ = name + "_window"
    function.__doc__ = f"The {name} window of a length, periodic or symmetric; see `pynn.signal.windows.{name}`."
    export(function.__name__, method=False)(function)


for _name in ("hann", "blackman", "bartlett"):
    _published(_name)


@export(method=False)
def hamming_window(
    window_length: int,
    periodic: bool = True,
    alpha: float = 0.54,
    beta: float = 0.46,
    *,
    dtype: Dtype | None = None,
    layout: Layout | None = None,
    device: DeviceLike | None = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """alpha - beta cos(2 pi x) over a window of a length, periodic or symmetric."""
    return _window(
        "general_cosine",
        window_length,
        periodic,
        "hamming",
        a=[alpha, beta],
        dtype=dtype,
        device=device,
        requires_grad=requires_grad,
    )


@export(method=False)
def kaiser_window(
    window_length: int,
    periodic: bool = True,
    beta: float = 12.0,
    *,
    dtype: Dtype | None = None,
    layout: Layout | None = None,
    device: DeviceLike | None = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """The Kaiser window of a length, periodic or symmetric; see `pynn.signal.windows.kaiser`."""
    return _window(
        "kaiser", window_length, periodic, beta=beta, dtype=dtype, device=device, requires_grad=requires_grad
    )
