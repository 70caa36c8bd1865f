"""The package as others build against it: version, header folder, find_package from C, and the kernels' object files."""

import pathlib
import re
import shutil
import subprocess
import tomllib

import pytest

import pynn

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
NATIVE = pytest.mark.skipif(pynn._config._native is None, reason="without compiled kernels there is no library")


def built():
    """The build folder, or skip: the tests may run on an installed pynn."""
    if not (BUILD / "CMakeCache.txt").exists():
        pytest.skip("needs build/, which `make build` makes")
    return BUILD


def run(*command):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_fallback_versions_agree():
    fallback = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools_scm"]["fallback_version"]
    assert f'_version = "{fallback}"' in (ROOT / "pynn" / "_version_info.py").read_text()


@NATIVE
def test_library_and_package_have_one_version():
    assert re.match(r"\d+\.\d+", pynn.__version__)
    assert pynn._config._native.version().split(".")[:2] == pynn.__version__.split(".")[:2]


def test_get_include_has_the_header():
    assert (pathlib.Path(pynn.get_include()) / "pynn" / "pynn.h").is_file()


@NATIVE
def test_find_package_from_c(tmp_path):
    if shutil.which("cmake") is None:
        pytest.skip("needs cmake")
    run("cmake", "--install", built(), "--prefix", tmp_path / "installed")
    run("cmake", "-S", ROOT / "tests" / "embed", "-B", tmp_path / "embed", f"-Dpynn_ROOT={tmp_path / 'installed'}")
    run("cmake", "--build", tmp_path / "embed")
    assert run(tmp_path / "embed" / "embed").strip().endswith(": 11 22 33")


def strays(symbols, isa):
    """The names in nm's listing that other object files could take the place of, or take: visible and not of this ISA.

    An inline function of std, say, is emitted by every object file that uses it, and the linker keeps one of
    them: that of an AVX-512 file would then run on machines without it.
    """
    own = re.compile(rf"_Z(?:GV|TV|TI|TS)?Z?NK?4pynn{len(isa)}{isa}[0-9NE]")
    found = []
    for line in symbols.splitlines():
        *_, kind, name = line.split()
        visible = kind.isupper() or kind == "u"
        if visible and kind != "U" and not own.match(name) and not name.startswith("DW.ref."):
            found.append(name)
    return found


def test_strays_are_found():
    listing = """\
0000000000000000 V _ZN4pynn4avx24conv5tableE
0000000000000000 t _ZN4pynnL6hiddenEv
0000000000000000 W _ZSt3minIlERKT_S2_S2_
0000000000000000 T _ZN4pynn5leastEll
0000000000000000 W _ZN4pynn6avx5124conv4tileEv
0000000000000000 V DW.ref.__gxx_personality_v0
"""
    names = ["_ZSt3minIlERKT_S2_S2_", "_ZN4pynn5leastEll", "_ZN4pynn6avx5124conv4tileEv"]
    assert strays(listing, "avx2") == names


@NATIVE
def test_object_files_of_an_isa_keep_to_its_namespace():
    if shutil.which("nm") is None:
        pytest.skip("needs nm, of binutils")
    objects = sorted(built().glob("CMakeFiles/pynn_objects.dir/csrc/kernels/*/x86_*.o"))
    if not objects:
        pytest.skip("this machine's build has no x86 kernels")
    for path in objects:
        isa = re.search(r"x86_(\w+?)\.", path.name)[1]
        assert strays(run("nm", "--defined-only", path), isa) == [], path
