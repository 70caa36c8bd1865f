"""Time pynn on a GPU beside torch: `python tools/bench_gpu.py [--out docs/benchmarks-gpu.md] [row ...]`.

Each row is first computed by both and compared, then timed by CUDA events: the median of several runs after a warm-up.
Needs a GPU and CuPy; torch, where it has CUDA, is the peer. `--stand-in` tries the rows out without a GPU, tiny.
"""

import argparse
import contextlib
import datetime
import pathlib
import statistics
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

import pynn  # noqa: E402


def gemm(lib, size, dtype):
    """A product of square matrices."""
    lib.manual_seed(0)
    a, b = (lib.randn(size, size, device="cuda").to(getattr(lib, dtype)) for _ in range(2))
    return lambda: a @ b


def conv(lib, size, part):
    """A 3x3 convolution in bfloat16: forward, or the gradient of its input or weight."""
    lib.manual_seed(0)
    x, w = lib.randn(32, 128, size, size, device="cuda"), lib.randn(128, 128, 3, 3, device="cuda") * 0.05
    x, w = x.bfloat16().requires_grad_(part == "data"), w.bfloat16().requires_grad_(part == "weight")
    if part == "forward":
        return lambda: lib.nn.functional.conv2d(x, w, padding=1)
    y = lib.nn.functional.conv2d(x, w, padding=1)
    g = lib.ones_like(y)
    return lambda: lib.autograd.grad(y, x if part == "data" else w, g, retain_graph=True)[0]


def recurrent(lib, kind, steps):
    """A training step's forward and backward of a layer of 128 units, batch 64."""
    lib.manual_seed(0)
    model = getattr(lib.nn, kind)(128, 128).cuda()
    x = lib.randn(steps, 64, 128, device="cuda")

    def run():
        out = model(x)[0]
        out.sum().backward()
        return out

    return run


def bound(lib, name, size):
    """An op that memory bounds."""
    lib.manual_seed(0)
    x = lib.randn(size, 1024, device="cuda")
    function = {"copy": lambda: x.clone(), "gelu": lambda: lib.nn.functional.gelu(x), "softmax": lambda: x.softmax(-1),
                "layer_norm": lambda: lib.nn.functional.layer_norm(x, (1024,))}  # fmt: skip
    return function[name]


def rows(tiny):
    """(name, make(lib), tolerance)."""
    found = []
    for size in (32,) if tiny else (4096, 8192):
        for dtype in ("bfloat16", "float32"):
            found.append((f"gemm {dtype} {size}", lambda lib, s=size, d=dtype: gemm(lib, s, d), 5e-2))
    side, steps, count = (4, 3, 8) if tiny else (56, 100, 1 << 16)
    for part in ("forward", "data", "weight"):
        found.append((f"conv 3x3 bfloat16 {part}", lambda lib, p=part: conv(lib, side, p), 5e-2))
    for kind in ("LSTM", "GRU"):
        found.append((f"{kind} H128 T{steps} B64", lambda lib, k=kind: recurrent(lib, k, steps), None))
    for name in ("copy", "gelu", "softmax", "layer_norm"):
        found.append((f"{name} {count}x1024", lambda lib, n=name: bound(lib, n, count), None))
    return found


def milliseconds(lib, run, repeats):
    """The median time of a run on the GPU."""
    for _ in range(3):
        run()
    times = []
    for _ in range(repeats):
        start, end = (lib.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        run()
        end.record()
        end.synchronize()
        times.append(start.elapsed_time(end))
    return statistics.median(times)


def compare(name, ours, theirs, tolerance):
    """Both of one shape; where the numbers come of no random draw, of the same size too."""
    a, b = ours.float().cpu(), theirs.float().cpu()
    if tuple(a.shape) != tuple(b.shape):
        raise SystemExit(f"{name}: shape {tuple(a.shape)}, torch's is {tuple(b.shape)}: not timed.")
    if not bool(a.isfinite().all()):
        raise SystemExit(f"{name}: infinite or NaN values: not timed.")
    if tolerance is not None and abs(float(a.std()) / float(b.std()) - 1) > tolerance:
        raise SystemExit(f"{name}: a spread of {float(a.std()):.4g}, torch's is {float(b.std()):.4g}: not timed.")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", help="parts of rows' names")
    parser.add_argument("--out", help="a file for the table")
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--stand-in", action="store_true")
    options = parser.parse_args()
    play = contextlib.nullcontext()
    if options.stand_in:
        from tests import cupy_stand_in

        play = cupy_stand_in.installed()
    with play:
        if not pynn.cuda.is_available():
            raise SystemExit(f"bench-gpu needs a GPU: {pynn._gpu.reason()}.")
        torch = peer()
        lines = [
            f"{datetime.date.today()}, {pynn.cuda.get_device_name()}, pynn {pynn.__version__} on "
            f"{pynn._backends.best('cuda').name}, CuPy {pynn._gpu.cupy().__version__}, "
            f"{'torch ' + torch.__version__ if torch else 'no torch with CUDA'}",
            "", "| | pynn ms | torch ms | torch / pynn |", "|---|---|---|---|",
        ]  # fmt: skip
        for name, make, tolerance in rows(options.stand_in):
            if options.rows and not any(part in name for part in options.rows):
                continue
            ours = make(pynn)
            theirs = make(torch) if torch else None
            if theirs:
                compare(name, ours(), theirs(), tolerance)
            own = milliseconds(pynn, ours, options.repeats)
            other = milliseconds(torch, theirs, options.repeats) if theirs else None
            lines.append(f"| {name} | {own:.4g} | {f'{other:.4g} | {other / own:.2f}' if other else ' | '} |")
            print(lines[-1], flush=True)
    if options.out:
        pathlib.Path(options.out).write_text("\n".join(lines) + "\n")


def peer():
    """torch, where it has CUDA; else None."""
    try:
        import torch
    except ImportError:
        return None
    return torch if torch.cuda.is_available() else None


if __name__ == "__main__":
    main()
