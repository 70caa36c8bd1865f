"""How often operations run and how long they take: `profile`, `record_function`."""

import functools
import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from pynn import _core
from pynn._core import Tensor, state
from pynn._stand_ins import stand_in

__all__ = ["EventList", "FunctionEvent", "FunctionEventAvg", "emit_itt", "emit_nvtx", "profile", "record_function"]

emit_itt = stand_in(__name__, "emit_itt", "other programs' profilers are not told of operations; use profile.")
emit_nvtx = stand_in(__name__, "emit_nvtx", "other programs' profilers are not told of operations; use profile.")


class FunctionEvent:
    """One run of an operation, a backward step or a block: its name, begin and end in nanoseconds, and what it ran in."""

    def __init__(self, name: str, parent: "FunctionEvent | None", shapes: list[Any]) -> None:
        self.name = name
        self.key = name
        self.cpu_parent = parent
        self.input_shapes = shapes
        self.thread = threading.get_ident()
        self.start = time.perf_counter_ns()
        self.stop = self.start
        self.children_ns = 0
        self.count = 1

    @property
    def cpu_time_total(self) -> float:
        """Microseconds from begin to end."""
        return (self.stop - self.start) / 1e3

    cpu_time = cpu_time_total

    @property
    def self_cpu_time_total(self) -> float:
        """The same without what ran inside."""
        return (self.stop - self.start - self.children_ns) / 1e3

    def __repr__(self) -> str:
        return f"<FunctionEvent name={self.name} cpu_time={self.cpu_time_total:.3f}us>"


class FunctionEventAvg:
    """All runs of one name (and, if asked for, of one kind of arguments) together."""

    def __init__(self, key: str, shapes: Any = None) -> None:
        self.key = key
        self.input_shapes = shapes
        self.count = 0
        self.cpu_time_total = 0.0
        self.self_cpu_time_total = 0.0

    def add(self, event: FunctionEvent) -> None:
        """Count one more run."""
        self.count += 1
        self.cpu_time_total += event.cpu_time_total
        self.self_cpu_time_total += event.self_cpu_time_total

    @property
    def cpu_time(self) -> float:
        """Microseconds a run."""
        return self.cpu_time_total / max(self.count, 1)

    def __repr__(self) -> str:
        return (
            f"<FunctionEventAvg key={self.key} self_cpu_time={self.self_cpu_time_total:.3f}us cpu_time={self.cpu_time:.3f}us "
            f"count={self.count}>"
        )


def _readable(microseconds: float) -> str:
    if microseconds >= 1e6:
        return f"{microseconds / 1e6:.3f}s"
    return f"{microseconds / 1e3:.3f}ms" if microseconds >= 1e3 else f"{microseconds:.3f}us"


class EventList(list[Any]):
    """Events, or averages of them, that print as a table."""

    @property
    def self_cpu_time_total(self) -> float:
        """Microseconds of all, each counted once."""
        return float(sum(e.self_cpu_time_total for e in self))

    def key_averages(self, group_by_input_shape: bool = False, **accepted: Any) -> "EventList":
        """The events of one name together; of one name and shapes of arguments with group_by_input_shape."""
        groups: dict[Any, FunctionEventAvg] = {}
        for event in self:
            shapes = event.input_shapes if group_by_input_shape else None
            key = (event.name, str(shapes))
            if key not in groups:
                groups[key] = FunctionEventAvg(event.name, shapes)
            groups[key].add(event)
        return EventList(groups.values())

    def total_average(self) -> FunctionEventAvg:
        """All events together."""
        total = FunctionEventAvg("Total")
        for event in self:
            total.add(event)
        return total

    def table(
        self,
        sort_by: str | None = None,
        row_limit: int = 100,
        max_src_column_width: int = 75,
        max_name_column_width: int = 55,
        max_shapes_column_width: int = 80,
        header: str | None = None,
        top_level_events_only: bool = False,
    ) -> str:
        """A table of the events. sort_by: "cpu_time_total", "self_cpu_time_total", "cpu_time" or "count", largest first."""
        rows = list(self)
        if sort_by is not None:
            name = sort_by.replace("cuda", "cpu").replace("device", "cpu")
            if name not in ("cpu_time_total", "self_cpu_time_total", "cpu_time", "count"):
                raise AttributeError(
                    f"sort_by={sort_by!r} is no column: use cpu_time_total, self_cpu_time_total, cpu_time or count."
                )
            rows.sort(key=lambda e: getattr(e, name), reverse=True)
        if top_level_events_only:
            rows = [e for e in rows if getattr(e, "cpu_parent", None) is None]
        total = self.self_cpu_time_total or 1.0
        shown = any(e.input_shapes for e in rows)
        titles = ["Name", "Self CPU %", "Self CPU", "CPU total %", "CPU total", "CPU time avg", "# of Calls"]
        cells = [
            [
                e.key if len(e.key) <= max_name_column_width else e.key[: max_name_column_width - 3] + "...",
                f"{e.self_cpu_time_total / total * 100:.2f}%",
                _readable(e.self_cpu_time_total),
                f"{e.cpu_time_total / total * 100:.2f}%",
                _readable(e.cpu_time_total),
                _readable(e.cpu_time),
                str(e.count),
                *([str(e.input_shapes)[:max_shapes_column_width]] if shown else []),
            ]
            for e in rows[:row_limit]
        ]
        titles += ["Input Shapes"] if shown else []
        widths = [max(len(row[i]) for row in [titles, *cells]) for i in range(len(titles))]
        line = "  ".join("-" * w for w in widths)
        text = [] if header is None else ["=" * len(line), header]
        text += [line, "  ".join(t.rjust(w) for t, w in zip(titles, widths)), line]
        text += ["  ".join(c.rjust(w) for c, w in zip(row, widths)) for row in cells]
        return "\n".join([*text, line, f"Self CPU time total: {_readable(self.self_cpu_time_total)}", ""])

    def export_chrome_trace(self, path: Any) -> None:
        """Write the events as a JSON file that chrome://tracing and Perfetto show."""
        first = min((e.start for e in self), default=0)
        events = [
            {
                "name": e.name,
                "ph": "X",
                "ts": (e.start - first) / 1e3,
                "dur": e.cpu_time_total,
                "tid": e.thread,
                "pid": 0,
            }
            for e in self
        ]
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"traceEvents": events}, file)

    def __str__(self) -> str:
        return self.table()


class _Recorder:
    """What the door tells while a profile is taken; sits in `_core.state.profiler`."""

    def __init__(self, record_shapes: bool) -> None:
        self.record_shapes = record_shapes
        self.events: list[FunctionEvent] = []
        self._open: list[FunctionEvent] = []
        self._inside = False

    def takes(self, op: Any) -> bool:
        """Whether the door is to hand the call over to run(); not when run() itself has made it."""
        inside, self._inside = self._inside, False
        return not inside

    def run(self, door: Callable[..., Any], op: Any, inputs: tuple[Any, ...], *rest: Any) -> Any:
        """The call, timed."""
        shapes = [list(x.shape) if isinstance(x, Tensor) else [] for x in inputs] if self.record_shapes else []
        event = self.begin("aten::" + op.name, shapes)
        self._inside = True
        try:
            return door(op, inputs, *rest)
        finally:
            self._inside = False
            self.end(event)

    def begin(self, name: str, shapes: Any = ()) -> FunctionEvent:
        """Something begins."""
        event = FunctionEvent(name, self._open[-1] if self._open else None, list(shapes))
        self.events.append(event)
        self._open.append(event)
        return event

    def end(self, event: FunctionEvent | None = None) -> None:
        """It ends (and with it what was cut short by an error inside it)."""
        now = time.perf_counter_ns()
        while self._open:
            last = self._open.pop()
            last.stop = now
            if last.cpu_parent is not None:
                last.cpu_parent.children_ns += last.stop - last.start
            if event is None or last is event:
                break


class profile:
    """Time every operation and backward step of this thread in a `with` block.

    enabled=False: do nothing. record_shapes: note the shapes of the arguments. Other arguments are accepted as
    torch's. Afterwards `key_averages().table()` says how often each ran and how long it took;
    `export_chrome_trace(path)` draws them along a line of time.
    """

    def __init__(self, enabled: bool = True, *, record_shapes: bool = False, **accepted: Any) -> None:
        self.enabled = enabled
        self._recorder = _Recorder(record_shapes)
        self.function_events: EventList | None = None

    def __enter__(self) -> "profile":
        if self.enabled:
            if state.profiler is not None:
                raise RuntimeError("Profiler is already enabled on this thread")
            state.profiler = self._recorder
            _core.enter_mode()
        return self

    def __exit__(self, *error: object) -> None:
        if self.enabled:
            state.profiler = None
            _core.leave_mode()
            self.function_events = EventList(self._recorder.events)

    def _events(self) -> EventList:
        if self.function_events is None:
            raise RuntimeError("Profiler didn't finish running")
        return self.function_events

    def key_averages(self, group_by_input_shape: bool = False, group_by_stack_n: int = 0, **accepted: Any) -> EventList:
        """The events of one name together."""
        return self._events().key_averages(group_by_input_shape)

    def total_average(self) -> FunctionEventAvg:
        """All events together."""
        return self._events().total_average()

    def table(self, *args: Any, **kwargs: Any) -> str:
        """The events as a table, one line each."""
        return self._events().table(*args, **kwargs)

    def export_chrome_trace(self, path: Any) -> None:
        """Write the events as a JSON file that chrome://tracing and Perfetto show."""
        self._events().export_chrome_trace(path)

    @property
    def self_cpu_time_total(self) -> float:
        """Microseconds of all events, each counted once."""
        return self._events().self_cpu_time_total

    def __iter__(self) -> Iterator[Any]:
        return iter(self._events())

    def __str__(self) -> str:
        return "<unfinished profiler>" if self.function_events is None else str(self.function_events)

    __repr__ = __str__


class record_function:
    """A name for a `with` block, or a decorated function, in the profile taken around it; costs nothing without one."""

    def __init__(self, name: str, args: str | None = None) -> None:
        self.name = name
        self.args = args
        self._open: list[Any] = []

    def __enter__(self) -> "record_function":
        recorder = state.profiler
        self._open.append(None if recorder is None else (recorder, recorder.begin(self.name)))
        return self

    def __exit__(self, *error: object) -> None:
        held = self._open.pop()
        if held is not None:
            held[0].end(held[1])

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with record_function(self.name, self.args):
                return function(*args, **kwargs)

        return wrapped
