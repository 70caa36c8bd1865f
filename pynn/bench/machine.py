"""What the figures were taken on: the processor, the system, the versions."""

import importlib.metadata
import importlib.util
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass

from pynn.bench.sides import SIDES


@dataclass(frozen=True)
class Machine:
    """The machine: `cores` are those this process may use, `isa` the instruction set of pynn's kernels."""

    cpu: str
    cores: int
    isa: str
    system: str
    python: str


def cpu_name() -> str:
    """The processor's name, as exactly as the system says it."""
    fields: dict[str, str] = {}
    try:
        for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
            key, _, value = line.partition(":")
            fields.setdefault(key.strip(), value.strip())
    except OSError:
        pass
    name = fields.get("model name") or platform.processor() or platform.machine()
    family, model = fields.get("cpu family"), fields.get("model")
    return f"{name} (family {family}, model {model})" if family and model else name


def describe() -> Machine:
    """This machine."""
    from pynn import _native

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return Machine(
        cpu_name(),
        cores,
        str(_native.isa()) if _native else "none (pure Python)",
        f"{platform.system()} {platform.machine()}",
        platform.python_version(),
    )


def versions(sides: list[str]) -> dict[str, str]:
    """The versions of what the sides run, NumPy's too, which pynn stands on."""
    found: dict[str, str] = {}
    for name in [*sides, "numpy"]:
        found |= SIDES[name].versions()
    return found


def import_seconds(modules: list[str], rounds: int = 9) -> dict[str, float]:
    """The median seconds that a fresh interpreter takes to start and import each module, taken in turn.

    The bytecode is cached first, as an installation's is.
    """
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    times: dict[str, list[float]] = {name: [] for name in modules}
    for _ in range(rounds + 1):
        for name in modules:
            start = time.perf_counter()
            subprocess.run([sys.executable, "-c", f"import {name}"], check=True, env=environment)
            times[name].append(time.perf_counter() - start)
    return {name: statistics.median(found[1:]) for name, found in times.items()}


def installed_bytes(module: str) -> int:
    """Bytes of a module's folder, bytecode left out; its dependencies are not counted."""
    spec = importlib.util.find_spec(module)
    folders = list(spec.submodule_search_locations or ()) if spec else []
    files = (file for folder in folders for file in pathlib.Path(folder).rglob("*"))
    return sum(file.stat().st_size for file in files if file.is_file() and file.suffix != ".pyc")
