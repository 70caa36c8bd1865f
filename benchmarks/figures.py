"""The headline figures, each a ratio measured in one run.

    python benchmarks/figures.py            beside torch where it is installed, NumPy always

Each side runs in a process of its own, in turn (A B A B ...), warm; the median over rounds counts.
"""

import argparse
import importlib.util
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
ROUNDS = 7

TIMER = """
import sys, time, timeit
import numpy as np
def best(f, number):
    until = time.perf_counter() + 0.5  # a core takes that long to reach its pace
    while time.perf_counter() < until:
        f()
    return min(timeit.repeat(f, number=number, repeat=7)) / number
"""

ADD = """
a = lib.from_numpy(np.random.default_rng(0).standard_normal((4, 4), np.float32)).requires_grad_()
b = lib.from_numpy(np.random.default_rng(1).standard_normal((4, 4), np.float32))
print(best(lambda: a + b, 20000))
"""

GEMM = """
a = lib.from_numpy(np.random.default_rng(0).standard_normal((1024, 1024), np.float32))
b = lib.from_numpy(np.random.default_rng(1).standard_normal((1024, 1024), np.float32))
np.testing.assert_allclose((a @ b).numpy(), a.numpy() @ b.numpy(), rtol=1e-3, atol=1e-3)
print(best(lambda: a @ b, 10))
"""

MLP = """
nn = lib.nn
lib.manual_seed(0)
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1))
rng = np.random.default_rng(0)
for p in model.parameters():
    p.data.copy_(lib.from_numpy((rng.standard_normal(tuple(p.shape)) * 0.1).astype(np.float32)))
x = lib.from_numpy(rng.standard_normal((32, 20)).astype(np.float32))
y = lib.from_numpy(rng.standard_normal((32, 1)).astype(np.float32))
criterion, optimizer = nn.MSELoss(), lib.optim.{optimizer}(model.parameters(), lr=1e-3)
def step():
    optimizer.zero_grad()
    loss = criterion(model(x), y)
    loss.backward()
    optimizer.step()
    return loss
for _ in range(20): loss = step()
print("loss", round(loss.item(), 5), file=sys.stderr)
print(best(step, 300))
"""


def run(code, library):
    """The seconds that a fresh process prints for the code, run on a library."""
    start = {"pynn": "import pynn as lib\n", "torch": f"import torch as lib\nlib.set_num_threads({threads()})\n"}[
        library
    ]
    done = subprocess.run(
        [sys.executable, "-c", TIMER + start + code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"{library} failed:\n{done.stderr}")
    return float(done.stdout.split()[-1]), done.stderr.strip()


def threads():
    """How many threads pynn uses here."""
    sys.path.insert(0, str(ROOT))
    import pynn

    return pynn.get_num_threads()


def compare(name, code, aim):
    """Print both sides' medians and their ratio."""
    times = {library: [] for library in LIBRARIES}
    notes = {}
    for _ in range(ROUNDS):
        for library in LIBRARIES:
            seconds, notes[library] = run(code, library)
            times[library].append(seconds)
    medians = {library: statistics.median(t) for library, t in times.items()}
    text = ", ".join(f"{library} {1e6 * t:.2f} us" for library, t in medians.items())
    if "torch" in medians:
        text += f": torch / pynn = {medians['torch'] / medians['pynn']:.1f}"
    if len(set(notes.values())) > 1:
        text += f" (results differ: {notes})"
    print(f"{name}: {text} (aim {aim})", flush=True)
    return medians


def seconds_of(code):
    """Median whole-process seconds of a Python one-liner, its bytecode cached as after an installation."""
    import time

    env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    times = []
    for _ in range(21):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, env=env)
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:])


def installed_size():
    """Bytes of an installation of this tree without its dependencies."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-compile", "--disable-pip-version-check",
             "--target", folder, str(ROOT)], check=True,
        )  # fmt: skip
        return sum(f.stat().st_size for f in pathlib.Path(folder).rglob("*") if f.is_file())


def peak_gflops():
    """The fp32 peak that the C++ benchmark measures on all threads, in GF/s, or None where it is not built.

    The best of several: a core that something else uses for a moment would lower it, never raise it.
    """
    program = ROOT / "build-bench" / "bench_matmul"
    if not program.exists():
        return None
    runs = [subprocess.run([program, "--peak"], capture_output=True, text=True, check=True) for _ in range(5)]
    return max(json.loads(done.stdout)["peak_gflops"] for done in runs)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--no-size", action="store_true", help="leave out the installed size (it builds a wheel)")
    args = parser.parse_args()
    print(f"threads: {threads()}")
    compare("tracked 4x4 add", ADD, "5")
    gemm = compare("GEMM 1024", GEMM, "80 % of the measured peak")
    rate = 2 * 1024**3 / gemm["pynn"] / 1e9
    peak = peak_gflops()
    print(f"GEMM 1024: {rate:.0f} GF/s" + (f" of {peak:.0f} measured, {100 * rate / peak:.0f} %" if peak else ""))
    compare("SGD step of the 20-64-32-1 net, batch 32", MLP.replace("{optimizer}", "SGD"), "10")
    compare("Adam step of the 20-64-32-1 net, batch 32", MLP.replace("{optimizer}", "Adam"), "10")
    numpy_alone, with_pynn = seconds_of("import numpy"), seconds_of("import pynn")
    print(f"import: pynn {1e3 * with_pynn:.0f} ms, numpy alone {1e3 * numpy_alone:.0f} ms: "
          f"+{1e3 * (with_pynn - numpy_alone):.0f} ms (aim +40)")  # fmt: skip
    if not args.no_size:
        print(f"installed size without dependencies: {installed_size() / 1e6:.1f} MB (aim 8)")


LIBRARIES = ["pynn", "torch"] if importlib.util.find_spec("torch") else ["pynn"]

if __name__ == "__main__":
    main()
