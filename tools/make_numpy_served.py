"""Write docs/numpy_served.md: the registered operations that NumPy rather than a kernel serves, and what they cost.

    python -m tools.make_numpy_served              list them, time them beside torch (needs `pip install torch==2.13.0`)
    python -m tools.make_numpy_served --no-times   list them alone

Every op's samples pass the door with its kernel and its reference watched, in each dtype, forward and backward. An op
is listed for the dtypes in which its reference (NumPy) served some of the samples. Times: one thread, float32, the
best of several runs; pointwise ops on 1024 x 1024 elements, others on the arguments in SHAPES, or else on their largest
sample. Run from the repository's root on an idle machine.
"""

import argparse
import contextlib
import pathlib
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy

ROOT = pathlib.Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

import pynn  # noqa: E402
from tests import cases  # noqa: E402

TARGET = ROOT / "docs" / "numpy_served.md"
DTYPES = ("float32", "bfloat16", "float16", "float64")
POINTWISE = (1024, 1024)

# Ops that move no element: NumPy makes a new view, and there is nothing for a kernel to do.
VIEWS = "view"

# op -> (inputs, attrs) to time it on, where its samples are too small to tell.
SHAPES: dict[str, Callable[[numpy.random.Generator], tuple[tuple[Any, ...], tuple[Any, ...]]]] = {
    "one_hot": lambda rng: ((rng.integers(0, 1000, 4096),), (1000,)),
    "cat": lambda rng: (tuple(rng.normal(size=(256, 1024)) for _ in range(4)), (0,)),
    "scatter_reduce": lambda rng: (
        (rng.normal(size=(1024, 64)), rng.integers(0, 1024, (1024, 64)), rng.normal(size=(1024, 64))),
        (0, "sum", True),
    ),
}


class Watch:
    """Counts what served an op while it is watched."""

    def __init__(self, op: Any) -> None:
        self.op = op
        self.kernel = self.numpy = self.kernel_back = self.numpy_back = 0

    def __enter__(self) -> "Watch":
        op = self.op
        self.before = (op.kernel, op.backward_kernel, op.reference, op.vjp)
        kernel, backward, reference, vjp = self.before

        def counted(function: Any, name: str) -> Any:
            def run(*args: Any, **kwargs: Any) -> Any:
                out = function(*args, **kwargs)
                if out is not None or name.startswith("numpy"):
                    setattr(self, name, getattr(self, name) + 1)
                return out

            return run

        if kernel is not None:
            op.kernel = counted(kernel, "kernel")
        if backward is not None:
            op.backward_kernel = counted(backward, "kernel_back")
        op.reference = counted(reference, "numpy")
        if vjp is not None:
            op.vjp = counted(vjp, "numpy_back")
        return self

    def __exit__(self, *exc: object) -> None:
        op = self.op
        op.kernel, op.backward_kernel, op.reference, op.vjp = self.before


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """No warnings of overflows in the samples."""
    with warnings.catch_warnings(), numpy.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


def served(name: str, dtype: str) -> tuple[str, str]:
    """What served an op's samples in a dtype, forward and backward: "kernel", "NumPy", "both", or "" for nothing."""
    record = cases.OPS[name]
    kind = getattr(pynn, dtype).numpy
    with quiet(), Watch(record.op) as watch:
        for sample in cases.samples(name):
            track = cases.has_gradient(record, sample) and record.op.functional is None
            if dtype != "float32" and not any(map(cases.is_float, sample.inputs)):
                continue
            try:
                out = cases.apply(record.op, cases.tensors(sample.inputs, kind, track), sample.attrs)
                total = cases.weighted(out) if track and dtype in ("float32", "float64") else None
                if isinstance(total, pynn.Tensor) and total.requires_grad:
                    total.backward()
            except (RuntimeError, TypeError, NotImplementedError, IndexError, ValueError):
                continue  # a dtype that the op does not take

    def word(kernel: int, reference: int) -> str:
        return "both" if kernel and reference else "kernel" if kernel else "NumPy" if reference else ""

    return word(watch.kernel, watch.numpy), word(watch.kernel_back, watch.numpy_back)


def arguments(name: str) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """What to time an op on: float32 arrays and attrs."""
    rng = numpy.random.default_rng(0)
    record = cases.functional(name)
    samples = cases.samples(name)
    largest = max(samples, key=lambda s: sum(x.size for x in s.inputs if isinstance(x, numpy.ndarray)))
    if name in SHAPES:
        inputs, attrs = SHAPES[name](rng)
    elif record.op.pointwise:
        inputs = tuple(
            numpy.resize(x, POINTWISE) if isinstance(x, numpy.ndarray) and x.size else x for x in largest.inputs
        )
        attrs = largest.attrs
    else:
        inputs, attrs = largest.inputs, largest.attrs
    return tuple(x.astype(numpy.float32) if cases.is_float(x) else x for x in inputs), attrs


def best(step: Callable[[], Any], seconds: float = 0.3) -> float:
    """The shortest of the runs that fit into the time, in seconds."""
    step()
    found, until = [], time.perf_counter() + seconds
    while len(found) < 3 or time.perf_counter() < until:
        start = time.perf_counter()
        step()
        found.append(time.perf_counter() - start)
    return min(found)


def shown(inputs: tuple[Any, ...], attrs: tuple[Any, ...]) -> str:
    """The arguments' shapes, and attrs, as text."""
    shapes = [str(list(x.shape)) if isinstance(x, numpy.ndarray) else repr(x) for x in inputs]
    text = ", ".join(shapes[:4] + (["..."] if len(shapes) > 4 else []))
    return text + (f"; {', '.join(map(repr, attrs))}" if attrs else "")


def times(torch: Any, name: str) -> tuple[str, str, str, str]:
    """An op's arguments, its time here and torch's in microseconds, and how many times torch's that is."""
    record = cases.functional(name)
    inputs, attrs = arguments(name)
    text = shown(inputs, attrs).replace("|", "/")
    try:
        with quiet():
            ours = best(lambda ins=cases.tensors(inputs, "float32"): cases.apply(cases.OPS[name].op, ins, attrs)) * 1e6
            if record.torch is None:
                return text, f"{ours:.1f}", "", ""
            theirs = [torch.from_numpy(x.copy()) if isinstance(x, numpy.ndarray) else x for x in inputs]
            other = best(lambda: record.torch(torch, *theirs, *attrs)) * 1e6
    except Exception as error:  # a sample that one side cannot run in float32
        return text, "", "", f"not run: {type(error).__name__}"
    return text, f"{ours:.1f}", f"{other:.1f}", f"{ours / other:.1f}"


def text(torch: Any = None) -> str:
    """The whole file."""
    rows, backward, names = [], [], cases.names(lambda record: record.op.functional is None)
    for name in names:
        found = {dtype: served(name, dtype) for dtype in DTYPES}
        ahead = [f"{d}{'' if w[0] == 'NumPy' else ' (some)'}" for d, w in found.items() if w[0] in ("NumPy", "both")]
        back = [f"{d}{'' if w[1] == 'NumPy' else ' (some)'}" for d, w in found.items() if w[1] in ("NumPy", "both")]
        kind = VIEWS if cases.OPS[name].op.is_view else ""
        if ahead:
            cost = times(torch, name) if torch is not None and ahead[0].startswith("float32") else ("", "", "", "")
            rows.append(f"| `{name}` | {kind} | {', '.join(ahead)} | " + " | ".join(cost) + " |")
        if back:
            backward.append(f"| `{name}` | {', '.join(back)} |")
    head = [
        "# Operations that NumPy serves",
        "",
        "Written by `tools/make_numpy_served.py`, by running every registered operation's samples. An operation stands here",
        "for the dtypes in which NumPy served all of them or, where it says so, some (a layout, a shape or an option that",
        "the kernel does not take). Views move no element: there is nothing for a kernel to do. Times are microseconds in",
        "float32 on one thread, torch 2.13 beside; times are left out of what has a kernel in float32. In-place forms write",
        "what the operation of the same name computes and are left out.",
        "",
        f"{len(names)} operations have samples; {len(rows)} of them are served by NumPy in some case going forward.",
        "",
        "## Forward",
        "",
        "| operation | | dtypes | timed on | pynn | torch | times torch's |",
        "|---|---|---|---|---|---|---|",
        *rows,
        "",
        "## Backward",
        "",
        "Gradients written as formulas run over NumPy where no kernel computes them.",
        "",
        "| operation | dtypes |",
        "|---|---|",
        *backward,
    ]
    return "\n".join(head) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--no-times", action="store_true", help="do not time; torch is not needed")
    args = parser.parse_args()
    torch = None
    if not args.no_times:
        import torch

        torch.set_num_threads(1)
        pynn.set_num_threads(1)
    TARGET.write_text(text(torch))
    return 0


if __name__ == "__main__":
    sys.exit(main())
