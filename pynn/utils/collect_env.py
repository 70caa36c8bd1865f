"""What a report of an error should say of the machine: `python -m pynn.utils.collect_env`."""

import os
import platform
import sys
from typing import NamedTuple

__all__ = ["SystemEnv", "get_env_info", "get_pretty_env_info", "main"]


class SystemEnv(NamedTuple):
    """Facts of an installation and its machine, as text."""

    pynn_version: str
    is_cuda_available: str
    core: str
    compiler: str
    instruction_set: str
    num_threads: str
    backend: str
    os: str
    libc_version: str
    python_version: str
    python_platform: str
    pip_packages: str
    cpu_info: str
    environment: str


def _os() -> str:
    try:
        name = platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        name = platform.platform(terse=True)
    return f"{name} ({platform.machine()})"


def _cpu() -> str:
    name = platform.processor() or "unknown"
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            name = next((line.split(":", 1)[1].strip() for line in file if line.startswith("model name")), name)
    except OSError:
        pass
    return f"{name}, {os.cpu_count()} CPUs"


def _packages() -> str:
    from importlib import metadata

    wanted = (
        "numpy",
        "ml_dtypes",
        "pynn-kernels",
        "torch",
        "torchvision",
        "einops",
        "safetensors",
        "tensorboardX",
        "optree",
        "mypy",
    )
    found = []
    for name in wanted:
        try:
            found.append(f"{name}=={metadata.version(name)}")
        except metadata.PackageNotFoundError:
            continue
    return ", ".join(found) or "none"


def get_env_info() -> SystemEnv:
    """The facts, one by one."""
    import pynn
    from pynn._config import config

    found = config()
    environment = ", ".join(f"{k}={v}" for k, v in sorted(os.environ.items()) if k.startswith(("PYNN_", "OMP_")))
    return SystemEnv(
        pynn_version=pynn.__version__,
        is_cuda_available=str(pynn.cuda.is_available()),
        core=str(found.get("core")),
        compiler=str(found.get("compiler")),
        instruction_set=str(found.get("isa")),
        num_threads=str(pynn.get_num_threads()),
        backend=str(found.get("default backend")),
        os=_os(),
        libc_version="-".join(platform.libc_ver()) or "N/A",
        python_version=f"{sys.version.splitlines()[0]} ({sys.maxsize.bit_length() + 1}-bit runtime)",
        python_platform=platform.platform(),
        pip_packages=_packages(),
        cpu_info=_cpu(),
        environment=environment or "-",
    )


_TITLES = {
    "pynn_version": "pynn version", "is_cuda_available": "Is CUDA available",
    "core": "Core", "compiler": "Compiler", "instruction_set": "Instruction set", "num_threads": "Threads",
    "backend": "Default backend", "os": "OS", "libc_version": "Libc version", "python_version": "Python version",
    "python_platform": "Python platform", "pip_packages": "Versions of relevant libraries", "cpu_info": "CPU",
    "environment": "Environment",
}  # fmt: skip


def get_pretty_env_info() -> str:
    """The facts as text, one a line."""
    info = get_env_info()
    return "\n".join(f"{_TITLES[name]}: {value}" for name, value in info._asdict().items())


def main() -> None:
    """Print them."""
    print("Collecting environment information...")
    print(get_pretty_env_info())


if __name__ == "__main__":
    main()
