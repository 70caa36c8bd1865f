"""GradScaler: multiplies the loss, so that small gradients do not vanish in float16, and divides the gradients again."""

import enum
import math
import warnings
import weakref
from typing import Any

from pynn._core import Tensor, is_floating, observe
from pynn._device import check_device, is_available


class OptState(enum.Enum):
    """Where an optimizer stands in an iteration."""

    READY = 0
    UNSCALED = 1
    STEPPED = 2


class GradScaler:
    """Dynamic loss scaling.

        scaler.scale(loss).backward()
        scaler.step(optimizer)  # skipped where a gradient is infinite or NaN
        scaler.update()

    The scale is multiplied by backoff_factor after such a step, and by growth_factor after growth_interval good ones.
    Micikevicius et al., "Mixed precision training" (arXiv:1710.03740).

    device: "cpu"; "cuda" warns that there is none and switches the scaler off: scale() then returns its input, and
        step() calls optimizer.step().
    """

    def __init__(
        self,
        device: str = "cuda",
        init_scale: Any = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        self._device = device
        if enabled and device == "cuda" and not is_available(device):
            warnings.warn("torch.cuda.amp.GradScaler is enabled, but CUDA is not available.  Disabling.", stacklevel=2)
            enabled = False
        elif enabled:
            check_device(device)
        self._enabled = enabled
        if enabled:
            if growth_factor <= 1.0:
                raise ValueError(f"The growth factor must be > 1.0, got {growth_factor}.")
            if backoff_factor >= 1.0:
                raise ValueError(f"The backoff factor must be < 1.0, got {backoff_factor}.")
        self._scale = float(init_scale)
        self._growth_factor = growth_factor
        self._backoff_factor = backoff_factor
        self._growth_interval = growth_interval
        self._growth_tracker = 0
        self._optimizers: weakref.WeakKeyDictionary[Any, Any] = (
            weakref.WeakKeyDictionary()
        )  # optimizer -> [OptState, whether it has bad gradients or None]

    def __getstate__(self) -> Any:
        if self._optimizers:
            raise RuntimeError(
                "A GradScaler instance may only be pickled at the beginning of an iteration, or at the end after update()."
            )
        return {**self.__dict__, "_optimizers": None}

    def __setstate__(self, state: Any) -> None:
        self.__dict__.update(state)
        self._optimizers = weakref.WeakKeyDictionary()

    def scale(self, outputs: Any) -> Any:
        """outputs (a tensor, or a list or tuple of them) times the scale; gradients flow through."""
        if not self._enabled:
            return outputs
        if isinstance(outputs, Tensor):
            return outputs * self._scale
        if isinstance(outputs, (list, tuple)):
            return type(outputs)(self.scale(o) for o in outputs)
        raise ValueError(f"outputs must be a Tensor or an iterable of Tensors, got {type(outputs).__name__}.")

    def _state_of(self, optimizer: Any) -> Any:
        return self._optimizers.setdefault(optimizer, [OptState.READY, None])

    def unscale_(self, optimizer: Any) -> None:
        """Divide an optimizer's gradients by the scale, so that they can be clipped before step().

        Raises RuntimeError where they have been already, ValueError for float16 gradients.
        """
        if not self._enabled:
            return
        held = self._state_of(optimizer)
        if held[0] is OptState.UNSCALED:
            raise RuntimeError("unscale_() has already been called on this optimizer since the last update().")
        if held[0] is OptState.STEPPED:
            raise RuntimeError("unscale_() is being called after step().")
        held[1] = self._unscale(optimizer, 1.0 / self._scale)
        held[0] = OptState.UNSCALED

    def _unscale(self, optimizer: Any, factor: Any) -> Any:
        """Multiply the gradients by factor; whether one is infinite or NaN, or None where there are none."""
        from pynn.autograd import no_grad

        bad = None
        with no_grad():
            for group in optimizer.param_groups:
                for param in group["params"]:
                    grad = param.grad
                    if grad is None:
                        continue
                    if grad._array.dtype.name == "float16":
                        raise ValueError("Attempting to unscale FP16 gradients.")
                    grad = grad.detach()
                    bad = bool(bad) or not bool(observe(grad.isfinite().all()))
                    grad.mul_(factor)
        return bad

    def step(self, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        """optimizer.step(), unless a gradient is infinite or NaN; unscales the gradients first where that is not done.

        Returns what the optimizer returns, None where the step was skipped. RuntimeError for a closure or a second
        step() without update() between, AssertionError for an optimizer without gradients.
        """
        if not self._enabled:
            return optimizer.step(*args, **kwargs)
        if "closure" in kwargs:
            raise RuntimeError("Closure use is not currently supported if GradScaler is enabled.")
        held = self._state_of(optimizer)
        if held[0] is OptState.STEPPED:
            raise RuntimeError("step() has already been called since the last update().")
        if held[0] is OptState.READY:
            self.unscale_(optimizer)
        if held[1] is None:
            raise AssertionError(
                "No inf checks were recorded for this optimizer: none of its parameters has a gradient."
            )
        result = None if held[1] else optimizer.step(*args, **kwargs)
        held[0] = OptState.STEPPED
        return result

    def update(self, new_scale: Any = None) -> None:
        """Move the scale by what the steps since the last update found, or set it (a number or a float tensor)."""
        if not self._enabled:
            return
        if new_scale is not None:
            if isinstance(new_scale, Tensor):
                if not is_floating(new_scale._array) or new_scale._array.size != 1 or new_scale.requires_grad:
                    raise TypeError("new_scale should be a float or a 1-element float tensor with requires_grad=False.")
                new_scale = new_scale.item()
            self._scale = float(new_scale)
        else:
            found = [bad for _, bad in self._optimizers.values() if bad is not None]
            if not found:
                raise AssertionError("No inf checks were recorded prior to update.")
            if any(found):
                self._scale *= self._backoff_factor
                self._growth_tracker = 0
            else:
                self._growth_tracker += 1
                if self._growth_tracker == self._growth_interval:
                    grown = self._scale * self._growth_factor
                    self._scale = grown if math.isfinite(grown) else self._scale
                    self._growth_tracker = 0
        self._optimizers.clear()

    def get_scale(self) -> Any:
        """The scale; 1.0 for a scaler that is off."""
        return self._scale if self._enabled else 1.0

    def get_growth_factor(self) -> Any:
        """What the scale is multiplied by after growth_interval good steps."""
        return self._growth_factor

    def set_growth_factor(self, new_factor: Any) -> None:
        """Set it."""
        self._growth_factor = new_factor

    def get_backoff_factor(self) -> Any:
        """What the scale is multiplied by after a bad step."""
        return self._backoff_factor

    def set_backoff_factor(self, new_factor: Any) -> None:
        """Set it."""
        self._backoff_factor = new_factor

    def get_growth_interval(self) -> Any:
        """After how many good steps the scale grows."""
        return self._growth_interval

    def set_growth_interval(self, new_interval: Any) -> None:
        """Set it."""
        self._growth_interval = new_interval

    def is_enabled(self) -> Any:
        """Whether the scaler does anything."""
        return self._enabled

    def state_dict(self) -> Any:
        """scale, factors, interval and how many good steps there were; {} for a scaler that is off."""
        if not self._enabled:
            return {}
        return {
            "scale": self.get_scale(),
            "growth_factor": self._growth_factor,
            "backoff_factor": self._backoff_factor,
            "growth_interval": self._growth_interval,
            "_growth_tracker": self._growth_tracker,
        }

    def load_state_dict(self, state_dict: Any) -> None:
        """Go back to what state_dict gave; RuntimeError for an empty one."""
        if not self._enabled:
            return
        if len(state_dict) == 0:
            raise RuntimeError(
                "The source state dict is empty, possibly because it was saved from a disabled instance of GradScaler."
            )
        self._scale = float(state_dict["scale"])
        self._growth_factor = state_dict["growth_factor"]
        self._backoff_factor = state_dict["backoff_factor"]
        self._growth_interval = state_dict["growth_interval"]
        self._growth_tracker = state_dict["_growth_tracker"]
