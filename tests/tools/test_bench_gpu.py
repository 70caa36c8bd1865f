"""The GPU's benchmark, its rows tried out in small on the stand-in."""

import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).parents[2]


def run(*arguments):
    return subprocess.run(
        [sys.executable, ROOT / "tools" / "bench_gpu.py", *arguments], capture_output=True, text=True, timeout=300
    )


def test_it_says_what_it_needs():
    done = run()
    assert done.returncode == 1
    assert "bench-gpu needs a GPU: CuPy" in done.stderr


def test_its_rows_run(tmp_path):
    out = tmp_path / "table.md"
    done = run("--stand-in", "--repeats", "1", "--out", str(out))
    assert done.returncode == 0, done.stderr
    lines = out.read_text().splitlines()
    assert "Stand-in GPU" in lines[0]
    assert sum(line.startswith("| gemm") for line in lines) == 2
    assert sum(line.startswith("| conv") for line in lines) == 3
    assert sum(line.startswith(("| LSTM", "| GRU")) for line in lines) == 2
