"""Compiles every CUDA kernel for all targets (cmake/cuda.cmake), warnings as errors, links and imports them as the extension
pynn/_cuda, or says that there is no nvcc.

    python tools/compile_cuda.py             with the nvcc that CMake finds: PYNN_NVCC, PATH, /usr/local/cuda, ...
    python tools/compile_cuda.py --fetch     where there is none, with that of PyPI in a folder of its own

Objects lie in build-cuda/ afterwards; the next run compiles what has changed. Nothing is run: that takes a GPU.
"""

import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import sysconfig
import time
import venv

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build-cuda"
PACKAGES = ("nvidia-cuda-nvcc", "nvidia-cuda-runtime", "nvidia-cuda-cccl")
FETCH_SECONDS = 240


def installed():
    """The nvcc that this machine has, or None."""
    named = os.environ.get("PYNN_NVCC") or os.environ.get("CUDACXX")
    found = named or shutil.which("nvcc") or shutil.which("nvcc", path="/usr/local/cuda/bin")
    return pathlib.Path(found) if found else None


def fetched(folder):
    """The nvcc of PyPI's packages, installed into a virtual environment in that folder; None where they cannot be had."""
    found = sorted(folder.glob("lib/python*/site-packages/nvidia/cu*/bin/nvcc"))
    if not found:
        try:
            venv.create(folder, with_pip=True)
            command = [folder / "bin/python", "-m", "pip", "install", "-q", "--disable-pip-version-check", *PACKAGES]
            subprocess.run(command, check=True, timeout=FETCH_SECONDS, capture_output=True)
        except (subprocess.SubprocessError, OSError):
            return None
        found = sorted(folder.glob("lib/python*/site-packages/nvidia/cu*/bin/nvcc"))
    return found[-1] if found else None


def compile_all(nvcc, jobs):
    """Configure and build the objects; the exit status of the step that failed, or 0."""
    configure = ["cmake", "-S", ROOT, "-B", BUILD, "-DPYNN_WERROR=ON", "-DPYNN_CUDA=ON", f"-DPYNN_NVCC={nvcc}"]
    configure.append(f"-DPython_EXECUTABLE={sys.executable}")
    done = subprocess.run(configure, check=False, capture_output=True, text=True)
    if done.returncode:
        print(done.stdout + done.stderr)
        return done.returncode
    build = ["cmake", "--build", BUILD, "--target", "_cuda", "-j", str(jobs)]
    return subprocess.run(build, check=False).returncode or import_module()


def import_module():
    """Import the extension in a process of its own, which takes no GPU; the exit status."""
    (found,) = BUILD.rglob(f"_cuda{sysconfig.get_config_var('EXT_SUFFIX')}")
    code = (
        "import importlib.util, sys\n"
        "spec = importlib.util.spec_from_file_location('_cuda', sys.argv[1])\n"
        "module = importlib.util.module_from_spec(spec)\n"
        "spec.loader.exec_module(module)\n"
        "print(f'CUDA extension: {len(module.kernels)} kernels')"
    )
    return subprocess.run([sys.executable, "-c", code, found], check=False).returncode


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fetch", action="store_true", help="take nvcc from PyPI where the machine has none")
    parser.add_argument("-j", "--jobs", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args(argv)
    nvcc = installed()
    if nvcc is None and options.fetch:
        nvcc = fetched(BUILD / "nvcc")
    if nvcc is None:
        tried = " and PyPI's packages could not be installed" if options.fetch else ""
        print(f"CUDA kernels: skipped, no nvcc was found{tried}. They were not compiled.")
        return 0
    started = time.monotonic()
    status = compile_all(nvcc, options.jobs)
    count = len(list((BUILD / "cuda").glob("*.o")))
    seconds = time.monotonic() - started
    print(f"CUDA kernels: {'failed' if status else f'{count} files compiled'} with {nvcc} in {seconds:.0f} s")
    return status


if __name__ == "__main__":
    sys.exit(main())
