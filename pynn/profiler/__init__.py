"""Profiles over the steps of a loop: `profile`, `schedule`, `record_function`."""

import enum
import os
import time
from collections.abc import Callable, Iterable
from typing import Any

from pynn.autograd.profiler import EventList, record_function
from pynn.autograd.profiler import profile as _profile

__all__ = ["ProfilerAction", "ProfilerActivity", "kineto_available", "profile", "record_function", "schedule", "tensorboard_trace_handler"]


def kineto_available() -> bool:
    """True: `profile` works, by means of its own."""
    return True


class ProfilerActivity(enum.Enum):
    """What to profile; only the CPU is there."""

    CPU = 0
    XPU = 1
    CUDA = 2
    MTIA = 3
    HPU = 4


class ProfilerAction(enum.Enum):
    """What a schedule says of a step."""

    NONE = 0
    WARMUP = 1
    RECORD = 2
    RECORD_AND_SAVE = 3


def supported_activities() -> set[ProfilerActivity]:
    """The activities that can be profiled here."""
    return {ProfilerActivity.CPU}


def schedule(
    *, wait: int, warmup: int, active: int, repeat: int = 0, skip_first: int = 0, skip_first_wait: int = 0
) -> Callable[[int], ProfilerAction]:
    """A function of the step: skip_first steps nothing, then again and again wait, warmup and active steps.

    repeat: how many times; 0 for no end. AssertionError for numbers below 0, or active below 1.
    """
    if min(wait, warmup, repeat, skip_first) < 0 or active <= 0:
        raise AssertionError(
            f"Invalid profiler schedule arguments: wait={wait}, warmup={warmup}, active={active}, repeat={repeat}, "
            f"skip_first={skip_first}"
        )

    def action(step: int) -> ProfilerAction:
        if step < 0:
            raise AssertionError(f"step must be 0 or more, got {step}.")
        if step < skip_first:
            return ProfilerAction.NONE
        step -= skip_first
        if skip_first_wait:
            step += wait
        length = wait + warmup + active
        if repeat > 0 and step // length >= repeat:
            return ProfilerAction.NONE
        place = step % length
        if place < wait:
            return ProfilerAction.NONE
        if place < wait + warmup:
            return ProfilerAction.WARMUP
        return ProfilerAction.RECORD if place < length - 1 else ProfilerAction.RECORD_AND_SAVE

    return action


def tensorboard_trace_handler(
    dir_name: str, worker_name: str | None = None, use_gzip: bool = False
) -> Callable[["profile"], None]:
    """An on_trace_ready that writes each trace into a folder, as TensorBoard's profiler plugin reads it."""
    if use_gzip:
        raise RuntimeError("tensorboard_trace_handler writes plain JSON: leave use_gzip=False.")
    os.makedirs(dir_name, exist_ok=True)

    def handler(prof: "profile") -> None:
        name = worker_name or f"{os.uname().nodename}_{os.getpid()}"
        prof.export_chrome_trace(os.path.join(dir_name, f"{name}.{time.time_ns()}.pt.trace.json"))

    return handler


class profile:
    """Time every operation and backward step of this thread in a `with` block, or in the steps that a schedule picks.

    activities: ProfilerActivity.CPU. schedule: a function of the step number, which `step()` counts.
    on_trace_ready(profile): called when a cycle of the schedule, or the block, is over.
    record_shapes: note the shapes of arguments. Other arguments are accepted as torch's.
    """

    def __init__(
        self,
        *,
        activities: Iterable[ProfilerActivity] | None = None,
        schedule: Callable[[int], ProfilerAction] | None = None,
        on_trace_ready: Callable[["profile"], Any] | None = None,
        record_shapes: bool = False,
        profile_memory: bool = False,
        with_stack: bool = False,
        with_flops: bool = False,
        with_modules: bool = False,
        **accepted: Any,
    ) -> None:
        self.activities = supported_activities() if activities is None else set(activities)
        self.schedule = schedule or (lambda step: ProfilerAction.RECORD)
        self.on_trace_ready = on_trace_ready
        self.record_shapes = record_shapes
        self.step_num = 0
        self._running: _profile | None = None
        self._step: record_function | None = None
        self._done: EventList = EventList()

    def start(self) -> None:
        """Begin, as `with` does."""
        self._follow(None, self.schedule(0))

    def stop(self) -> None:
        """End, as leaving the block does."""
        recording = self._running is not None
        self._leave()
        if recording and self.on_trace_ready is not None:
            self.on_trace_ready(self)

    def step(self) -> None:
        """The next step begins."""
        before = self.schedule(self.step_num)
        self.step_num += 1
        self._follow(before, self.schedule(self.step_num))

    def _follow(self, before: ProfilerAction | None, now: ProfilerAction) -> None:
        record = now in (ProfilerAction.RECORD, ProfilerAction.RECORD_AND_SAVE)
        self._end_step()
        if self._running is not None and (not record or before is ProfilerAction.RECORD_AND_SAVE):
            self._leave()
            if self.on_trace_ready is not None:
                self.on_trace_ready(self)
        if record and self._running is None:
            self._running = _profile(record_shapes=self.record_shapes)
            self._running.__enter__()
        if record and before is not None:
            self._step = record_function(f"ProfilerStep#{self.step_num}")
            self._step.__enter__()

    def _end_step(self) -> None:
        if self._step is not None:
            self._step.__exit__()
            self._step = None

    def _leave(self) -> None:
        self._end_step()
        if self._running is not None:
            self._running.__exit__()
            self._done = self._running.function_events or EventList()
            self._running = None

    def __enter__(self) -> "profile":
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def events(self) -> EventList:
        """The events of the last cycle."""
        return self._done

    def key_averages(self, group_by_input_shape: bool = False, group_by_stack_n: int = 0, **accepted: Any) -> EventList:
        """The events of one name together."""
        return self._done.key_averages(group_by_input_shape)

    def export_chrome_trace(self, path: Any) -> None:
        """Write the events as a JSON file that chrome://tracing and Perfetto show."""
        self._done.export_chrome_trace(path)
