"""How long a statement takes: `Timer("x @ y", globals=...).blocked_autorange()`, and tables of such measurements.

Times are wall-clock seconds of `time.perf_counter`, after a warm-up and on a set number of threads (one, by default).
"""

import dataclasses
import enum
import math
import statistics
import timeit
from collections.abc import Callable, Iterable
from typing import Any

from pynn._config import get_num_threads, set_num_threads

__all__ = ["Compare", "Language", "Measurement", "TaskSpec", "Timer", "select_unit", "timer", "trim_sigfig"]

timer = timeit.default_timer
_UNITS = {
    "ns": (1e-9, "nanoseconds"),
    "us": (1e-6, "microseconds"),
    "ms": (1e-3, "milliseconds"),
    "s": (1.0, "seconds"),
}


class Language(enum.Enum):
    """In what a statement is written: Python alone, here."""

    PYTHON = 0
    CPP = 1


def select_unit(t: float) -> tuple[str, float]:
    """The unit in which t seconds are best read, and how many seconds it is."""
    for name in ("s", "ms", "us"):
        if t >= _UNITS[name][0]:
            return name, _UNITS[name][0]
    return "ns", _UNITS["ns"][0]


def unit_to_english(u: str) -> str:
    """A unit's whole name: "us" is "microseconds"."""
    return _UNITS[u][1]


def trim_sigfig(x: float, n: int) -> float:
    """x rounded to n significant figures."""
    if not x or not math.isfinite(x):
        return x
    return float(round(x, n - 1 - math.floor(math.log10(abs(x)))))


@dataclasses.dataclass(frozen=True)
class TaskSpec:
    """What was measured."""

    stmt: str
    setup: str
    global_setup: str = ""
    label: str | None = None
    sub_label: str | None = None
    description: str | None = None
    env: str | None = None
    num_threads: int = 1

    @property
    def title(self) -> str:
        """The label, or the statement where none was given, and the sub-label."""
        if self.label is not None:
            return self.label + (f": {self.sub_label}" if self.sub_label else "")
        if "\n" not in self.stmt:
            return self.stmt + (f": {self.sub_label}" if self.sub_label else "")
        return f"stmt:{f' ({self.sub_label})' if self.sub_label else ''}\n  " + self.stmt.replace("\n", "\n  ")


class Measurement:
    """What a Timer found: raw_times are seconds, each of number_per_run runs."""

    def __init__(
        self, number_per_run: int, raw_times: list[float], task_spec: TaskSpec, metadata: dict[Any, Any] | None = None
    ) -> None:
        self.number_per_run, self.raw_times, self.task_spec, self.metadata = (
            number_per_run,
            raw_times,
            task_spec,
            metadata,
        )

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or "task_spec" not in self.__dict__:
            raise AttributeError(name)
        return getattr(self.task_spec, name)

    @property
    def times(self) -> list[float]:
        """Seconds for one run."""
        return [t / self.number_per_run for t in self.raw_times]

    def _some(self) -> list[float]:
        if not self.raw_times:
            raise RuntimeError("the measurement has no times.")
        return self.times

    @property
    def mean(self) -> float:
        """The mean of the times."""
        return statistics.fmean(self._some())

    @property
    def median(self) -> float:
        """The median of the times."""
        return statistics.median(self._some())

    @property
    def iqr(self) -> float:
        """The distance between the quartiles of the times."""
        times = self._some()
        if len(times) < 2:
            return 0.0
        low, _, high = statistics.quantiles(times, n=4, method="inclusive")
        return high - low

    @property
    def significant_figures(self) -> int:
        """How many figures of the median mean something, by the spread of the times: 1 to 5."""
        times = self._some()
        margin = max(1.645 * self.iqr / 1.35 / math.sqrt(len(times)), 1e-9)  # 90 % of a normal distribution
        return max(1, min(5, int(math.log10(max(self.median, 1e-12) / margin)) + 1))

    @property
    def has_warnings(self) -> bool:
        """Whether the times spread by more than a tenth of their median."""
        return not self.meets_confidence()

    def meets_confidence(self, threshold: float = 0.1) -> bool:
        """Whether the quartiles lie within a share of the median of each other."""
        return self.iqr / self.median < threshold if self.median else True

    @property
    def title(self) -> str:
        """What was measured."""
        return self.task_spec.title

    @property
    def env(self) -> str:
        """The name of the environment."""
        return self.task_spec.env or "Unspecified env"

    @property
    def as_row_name(self) -> str:
        """What a table calls its row."""
        return str(self.sub_label or self.stmt or "[Unknown]")

    @staticmethod
    def merge(measurements: "Iterable[Measurement]") -> "list[Measurement]":
        """Measurements of the same task made one each."""
        groups: dict[TaskSpec, list[Measurement]] = {}
        for m in measurements:
            groups.setdefault(m.task_spec, []).append(m)
        return [Measurement(1, [t for m in found for t in m.times], spec) for spec, found in groups.items()]

    def __repr__(self) -> str:
        unit, seconds = select_unit(self.median)
        lines = [f"{type(self).__module__}.{type(self).__name__}", self.title]
        if self.description:
            lines.append(self.description)
        if self.setup and self.setup != "pass":
            lines.append("setup:\n  " + self.setup.strip().replace("\n", "\n  "))
        count, threads = len(self.raw_times), self.num_threads
        if count == 1:
            lines.append(f"  {self.median / seconds:.2f} {unit}")
        else:
            lines += [f"  Median: {self.median / seconds:.2f} {unit}", f"  IQR:    {self.iqr / seconds:.2f} {unit}"]
        lines.append(
            f"  {count} measurement{'s' * (count != 1)}, {self.number_per_run} runs "
            f"{'per measurement' if count != 1 else ''}, {threads} thread{'s' * (threads != 1)}"
        )
        return "\n".join(lines)


class Timer:
    """Times a statement, as `timeit.Timer` does, with names from globals.

    label, sub_label, description, env: what tables call it. num_threads: pynn's threads while it runs.
    language: Python; NotImplementedError for C++.
    """

    def __init__(
        self,
        stmt: str = "pass",
        setup: str = "pass",
        global_setup: str = "",
        timer: Callable[[], float] = timer,
        globals: dict[str, Any] | None = None,
        label: str | None = None,
        sub_label: str | None = None,
        description: str | None = None,
        env: str | None = None,
        num_threads: int = 1,
        language: Language | str = Language.PYTHON,
    ) -> None:
        if not isinstance(stmt, str):
            raise ValueError("Currently only a `str` stmt is supported.")
        if language not in (Language.PYTHON, "py", "python"):
            raise NotImplementedError("statements in C++ are out of pynn's scope: time them in a program of your own.")
        if global_setup:
            raise ValueError(f"global_setup is for C++ only: got {global_setup!r}; use setup.")
        import pynn

        names = {"pynn": pynn, "torch": pynn, **(globals or {})}
        stmt, setup = _dedent(stmt), _dedent(setup)
        self._task_spec = TaskSpec(stmt, setup, "", label, sub_label, description, env, num_threads)
        self._timer = timeit.Timer(stmt=stmt, setup=setup, timer=timer, globals=names)

    def _run(self, number: int) -> float:
        before = get_num_threads()
        set_num_threads(self._task_spec.num_threads)
        try:
            return max(self._timer.timeit(number), 1e-9)
        finally:
            set_num_threads(before)

    def timeit(self, number: int = 1000000) -> Measurement:
        """One measurement of number runs, after a warm-up of a hundredth of them."""
        self._run(max(number // 100, 2))
        return Measurement(number, [self._run(number)], self._task_spec)

    def repeat(self, repeat: int = -1, number: int = -1) -> None:
        """Refused: NotImplementedError. See blocked_autorange."""
        raise NotImplementedError("See `Timer.blocked_autorange.`")

    def autorange(self, callback: Callable[[int, float], Any] | None = None) -> None:
        """Refused: NotImplementedError. See blocked_autorange."""
        raise NotImplementedError("See `Timer.blocked_autorange.`")

    def _block(self, min_run_time: float) -> int:
        """So many runs that reading the clock hardly counts, a thousandth of min_run_time at least."""
        number, took = 1, 0.0
        self._run(1)
        while True:
            took = self._run(number)
            if took >= max(min_run_time / 1000, 2e-5) or number >= 10**9:
                return number
            number *= 10

    def blocked_autorange(
        self, callback: Callable[[int, float], Any] | None = None, min_run_time: float = 0.2
    ) -> Measurement:
        """Measurements of as many runs each as make the clock's own cost small, for min_run_time seconds in all."""
        number = self._block(min_run_time)
        times: list[float] = []
        while sum(times) < min_run_time:
            times.append(self._run(number))
            if callback is not None:
                callback(number, times[-1])
        return Measurement(number, times, self._task_spec)

    def adaptive_autorange(
        self,
        threshold: float = 0.1,
        *,
        min_run_time: float = 0.01,
        max_run_time: float = 10.0,
        callback: Callable[[int, float], Any] | None = None,
    ) -> Measurement:
        """Like blocked_autorange, until the times spread by less than threshold of their median or max_run_time is over."""
        number = self._block(min_run_time)
        times: list[float] = []
        while True:
            times.append(self._run(number))
            if callback is not None:
                callback(number, times[-1])
            measured = Measurement(number, times, self._task_spec)
            total = sum(times)
            if total >= max_run_time or (
                total >= min_run_time and len(times) >= 4 and measured.meets_confidence(threshold)
            ):
                return measured

    def collect_callgrind(self, *args: Any, **kwargs: Any) -> None:
        """Refused: NotImplementedError."""
        raise NotImplementedError("counting instructions is out of pynn's scope: run the program under valgrind.")


def _dedent(text: str) -> str:
    import textwrap

    return textwrap.dedent(text).strip("\n")


class Compare:
    """Tables of measurements: one for each label, a column for each description, a row for each sub-label and env."""

    def __init__(self, results: Iterable[Measurement]) -> None:
        self._results = list(results)
        self._trim = self._highlight = self._colored = False

    def extend_results(self, results: Iterable[Measurement]) -> None:
        """Add measurements. ValueError for anything else."""
        for r in results:
            if not isinstance(r, Measurement):
                raise ValueError(f"Expected an instance of `Measurement`, got {type(r)} instead.")
            self._results.append(r)

    def trim_significant_figures(self) -> None:
        """Show no more figures than the spread of the times allows."""
        self._trim = True

    def colorize(self, rowwise: bool = False) -> None:
        """Accepted: tables are plain text."""
        self._colored = True

    def highlight_warnings(self) -> None:
        """Mark with (!) what spreads by more than a tenth of its median."""
        self._highlight = True

    def print(self) -> None:
        """Print the tables."""
        print(self)

    def __str__(self) -> str:
        tables: dict[str, list[Measurement]] = {}
        for m in Measurement.merge(self._results):
            tables.setdefault(m.label or "", []).append(m)
        return "\n".join(self._table(label, found) for label, found in tables.items())

    def _cell(self, m: Measurement | None, seconds: float) -> str:
        if m is None:
            return ""
        value = trim_sigfig(m.median, m.significant_figures) if self._trim else m.median
        return f"{value / seconds:.1f}" + (" (!)" if self._highlight and m.has_warnings else "")

    def _table(self, label: str, found: list[Measurement]) -> str:
        unit, seconds = select_unit(min(m.median for m in found))
        columns = list(dict.fromkeys(m.description or "" for m in found))
        threads = list(dict.fromkeys(m.num_threads for m in found))
        envs = {m.task_spec.env for m in found}
        lines: list[list[str]] = [["", *columns]]
        for n in threads:
            lines.append([f"{n} threads:"])
            cells: dict[str, dict[str, Measurement]] = {}
            for m in found:
                if m.num_threads == n:
                    row = m.as_row_name + (f" ({m.env})" if len(envs) > 1 else "")
                    cells.setdefault(row, {})[m.description or ""] = m
            lines += [["  " + row, *(self._cell(by.get(c), seconds) for c in columns)] for row, by in cells.items()]
        widths = [max(len(line[i]) for line in lines if i < len(line)) + 2 for i in range(len(columns) + 1)]
        total = sum(widths) + 3 * len(columns)
        text = [f"[{f' {label} ':-^{max(total - 2, len(label) + 2)}}]"]
        for line in lines:
            if len(line) == 1:
                text.append(f"{line[0]} ".ljust(total, "-"))
            else:
                text.append("  |".join([line[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(line[1:], widths[1:]))]))
        return "\n".join([*text, "", f"Times are in {unit_to_english(unit)} ({unit}).", ""])
