"""Find the operation whose gradient went wrong: each node of the tape notes where it was made."""

import itertools
import os
import sys
import warnings
from types import FrameType
from typing import Any

import numpy

from pynn import _core
from pynn._core import state
from pynn.ops.registry import export

__all__ = ["detect_anomaly", "set_detect_anomaly"]

PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


class Trace:
    """Where an operation was called: the stack outside this package, and the modules it ran in, outermost first."""

    def __init__(self, frame: FrameType | None) -> None:
        import traceback

        frames: list[tuple[FrameType, int]] = []
        self.modules: list[Any] = []
        while frame is not None:
            if frame.f_code.co_filename.startswith(PACKAGE):
                module = frame.f_locals.get("self") if frame.f_code.co_name == "__call__" else None
                if module is not None and hasattr(module, "named_modules"):
                    self.modules.append(module)
            else:
                frames.append((frame, frame.f_lineno))
            frame = frame.f_back
        self.modules.reverse()
        frames.reverse()
        self.stack = traceback.StackSummary.extract(iter(frames), lookup_lines=False)

    def path(self) -> str:
        """The innermost module's dotted name below the outermost one, with its class; "" outside of modules."""
        if not self.modules:
            return ""
        names = []
        for outer, inner in itertools.pairwise(self.modules):
            name = next((name for name, found in outer.named_modules() if found is inner), "")
            if name:
                names.append(name)
        kind = type(self.modules[-1]).__name__
        return f"{'.'.join(names)} ({kind})" if names else kind

    def describe(self) -> str:
        """The stack as a traceback prints it."""
        return "".join(self.stack.format())


class Detector:
    """What the tape tells while anomalies are looked for; sits in `_core.state.anomaly`."""

    def __init__(self, check_nan: bool) -> None:
        self.check_nan = check_nan

    def made(self, node: Any) -> None:
        """A node was recorded."""
        node.own_hooks().trace = Trace(sys._getframe(1))

    def computed(self, node: Any, grads: list[Any]) -> None:
        """A node's backward gave these arrays (or None)."""
        if not self.check_nan:
            return
        for i, grad in enumerate(grads):
            if grad is not None and _core.is_floating(grad) and numpy.not_equal(grad, grad).any():
                error = RuntimeError(f"Function '{node.name()}' returned nan values in its {i}th output.")
                self.failed(node, error)
                raise error

    def failed(self, node: Any, error: BaseException) -> None:
        """A node's backward raised: add to the error's message where its forward was called."""
        trace = node.hooks.trace
        if len(error.args) != 1 or not isinstance(error.args[0], str) or hasattr(error, "_pynn_anomaly"):
            return
        error._pynn_anomaly = True  # type: ignore[attr-defined]
        if trace is None:
            error.args = (
                f"{error.args[0]} Error detected in {node.name()}. No forward pass information available. Enable "
                "detect_anomaly() during forward pass for more information.",
            )
            return
        where = trace.path()
        inside = f" in module {where}" if where else ""
        error.args = (
            f"{error.args[0]} Error detected in {node.name()}{inside}. Traceback of forward call that caused the error:\n"
            f"{trace.describe()}",
        )


class set_detect_anomaly:
    """Look for anomalies in this thread from now on (or no longer), as a function, or for a `with` block.

    While on, each operation notes where it was called, and backward raises RuntimeError at the first operation
    whose gradient has a NaN (unless check_nan is False): the message names the operation, the module of the model
    it ran in and the lines that called it. Any other error of an operation's backward gets the same note.
    Much slower than normal: for finding a fault only.
    """

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        self.mode = bool(mode)
        self.prev = state.anomaly
        self.check_nan = check_nan
        _set(Detector(check_nan) if mode else None)

    def __enter__(self) -> None:
        """The mode is set already."""

    def __exit__(self, *error: object) -> None:
        _set(self.prev)


def _set(detector: Detector | None) -> None:
    if (state.anomaly is None) != (detector is None):
        if detector is None:
            _core.leave_mode()
        else:
            _core.enter_mode()
    state.anomaly = detector


class detect_anomaly:
    """`set_detect_anomaly(True)` for a `with` block; warns that it costs time, as torch does."""

    def __init__(self, check_nan: bool = True) -> None:
        self.check_nan = check_nan
        self.prev: list[Detector | None] = []
        warnings.warn(
            "Anomaly Detection has been enabled. This mode will increase the runtime and should only be enabled for "
            "debugging.",
            stacklevel=2,
        )

    def __enter__(self) -> None:
        self.prev.append(state.anomaly)
        _set(Detector(self.check_nan))

    def __exit__(self, *error: object) -> None:
        _set(self.prev.pop())


def is_anomaly_enabled() -> bool:
    """Whether this thread looks for anomalies."""
    return state.anomaly is not None


def is_anomaly_check_nan_enabled() -> bool:
    """Whether it looks for NaN in gradients."""
    return state.anomaly is not None and bool(state.anomaly.check_nan)


export("is_anomaly_enabled", method=False)(is_anomaly_enabled)
export("is_anomaly_check_nan_enabled", method=False)(is_anomaly_check_nan_enabled)
