"""pynn gives torch's answers to torch's own samples, where torch is installed (with expecttest, which the samples need)."""

import argparse
import functools
import pathlib
import random
import re
import subprocess
import sys
import warnings

import pytest

from tests import cases

pytest.importorskip("torch")
pytest.importorskip("expecttest")

from tools import parity

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
DIFFERS = {
    line.split(":")[0]
    for line in (pathlib.Path(__file__).parent / "parity_differs.txt").read_text().splitlines()
    if line and not line.startswith("#")
}
OUT_OF_SCOPE = {
    "view_as_real",
    "stft",
    "istft",
    "polar",
    "cdouble",
    "cfloat",
    "chalf",
    "hash_tensor",
    "special.airy_ai",
}
SHARE = 90  # of some 600 functions, unless all are asked for


@functools.cache
def runner() -> parity.Runner:
    options = argparse.Namespace(names=[], dtypes=["float32"], variants=["function"], samples=40, device="cpu")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return parity.Runner(options)


def label(op: object) -> str:
    return op.name + ("." + op.variant_test_name if op.variant_test_name else "")  # type: ignore[attr-defined]


def test_functions() -> None:
    run = runner()
    entries = list(run.selected())
    if not cases.FULL:
        entries = random.Random(2026).sample(entries, SHARE)
    agreed, wrong = set(), {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for op in entries:
            try:
                function = run.ours(op)
            except parity.Missing:
                if op.name not in OUT_OF_SCOPE:
                    wrong[label(op)] = "missing"
                continue
            if function is None:
                continue
            run.run_op(op, label(op), function)
            if label(op) in run.failures:
                where, _, error = run.failures[label(op)][0]
                wrong[label(op)] = f"{where}: {error}"
            else:
                agreed.add(label(op))
    assert {k: v for k, v in wrong.items() if k not in DIFFERS} == {}
    assert agreed & DIFFERS == set(), "these agree now: take them off tests/tools/parity_differs.txt"


def told(tool: str, *arguments: str) -> str:
    """The last line of what a tool prints, in a process of its own; it must end well."""
    command = [sys.executable, str(ROOT / "tools" / tool), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip().splitlines()[-1]


def some(names: list[str], count: int) -> list[str]:
    return [] if cases.FULL else random.Random(2026).sample(sorted(names), count)


def test_modules() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torch.testing._internal.common_modules import module_db
    line = told("parity_modules.py", *some([info.name for info in module_db], 24), "--dtypes", "float32")
    assert re.fullmatch(r"samples: [1-9]\d* right, 0 differ", line)


def test_optimizers() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torch.testing._internal.common_optimizers import optim_db
    assert "different" not in told("parity_optim.py", *some([info.name for info in optim_db], 4))
