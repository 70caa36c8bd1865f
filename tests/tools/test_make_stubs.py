"""The committed stubs are as their tool writes them today, whatever the installation, and say what they should."""

import inspect
import os
import pathlib
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any, Literal

import pytest

import pynn
from tests.cases import FULL
from tools import make_stubs

STUBS = pathlib.Path(pynn.__file__).parent


@pytest.mark.parametrize("name", make_stubs.STUBS)
def test_the_stubs_are_up_to_date(name):
    assert make_stubs.STUBS[name]() == (STUBS / name).read_text(), "run tools/make_stubs.py"


@pytest.mark.parametrize("installation", ["PYNN_INTERPRETED", "PYNN_PURE"])
def test_other_installations_give_the_same_text(installation):
    environment = {k: v for k, v in os.environ.items() if k not in ("PYNN_INTERPRETED", "PYNN_PURE")}
    command = [sys.executable, str(make_stubs.ROOT / "tools" / "make_stubs.py"), "--check"]
    run = subprocess.run(command, env={**environment, installation: "1"}, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


def test_check_raises_where_a_stub_is_stale(monkeypatch):
    monkeypatch.setattr(make_stubs, "STUBS", {"__init__.pyi": lambda: "something else"})
    with pytest.raises(SystemExit, match=r"out of date: __init__.pyi"):
        make_stubs.main(["--check"])
    assert (STUBS / "__init__.pyi").read_text() != "something else"


@pytest.mark.parametrize(
    ("annotation", "text"),
    [
        (Any, "Any"),
        (None, "None"),
        (int, "_int"),
        (pynn.Tensor, "Tensor"),
        (int | Sequence[int] | None, "_int | Sequence[_int] | None"),
        (pynn.dtype | None, "_dtype | None"),
        (tuple[pynn.Tensor, ...], "tuple[Tensor, ...]"),
        (Callable[[int], int], "Callable[..., Any]"),
        (Literal["ij", "xy"], "Literal['ij', 'xy']"),
        (tuple, "tuple[Any, ...]"),
        (pathlib.Path, "Any"),
        (int | pathlib.Path, "Any"),
    ],
)
def test_annotations(annotation, text):
    assert make_stubs.type_text(annotation) == text


def test_a_signature():
    def function(
        input: pynn.Tensor,
        dim: int = 0,
        *sizes: int,
        keep: bool = None,  # noqa: RUF013  (what many write)
        scale: float = float("inf"),
    ) -> pynn.Tensor: ...

    wanted = "dim: _int = 0, *sizes: _int, keep: _bool | None = None, scale: _float = ...) -> Tensor"
    assert make_stubs.signature_text(function, False) == f"(input: Tensor, {wanted}"
    assert make_stubs.signature_text(function, True) == f"(self, {wanted}"


def test_every_public_name_is_there():
    text = (STUBS / "__init__.pyi").read_text()
    namespace = {line.split()[-1] for line in text.split("\n") if line.startswith("from ")}
    namespace |= {line.split("(")[0][4:] for line in text.split("\n") if line.startswith("def ")}
    namespace |= {line.split(":")[0] for line in text.split("\n") if ": " in line and line.split(":")[0].isidentifier()}
    namespace |= {line.split("(")[0][6:] for line in text.split("\n") if line.startswith("class ")}
    public = {n for n in dir(pynn) if not n.startswith("_") and not inspect.ismodule(vars(pynn).get(n))}
    assert public - namespace <= {"Any", "annotations"}
    assert "__version__" in namespace


def test_every_method_is_there():
    text = (STUBS / "_core.pyi").read_text()
    tensor = text[text.index("class Tensor") :]
    missing = [n for n in pynn._core.METHODS if hasattr(pynn.Tensor, n) and f" {n}" not in tensor]
    assert not missing


# What a reader of the stubs is told, found out by mypy itself: name of the case -> (expression, type).
REVEALED = {
    "sum": ("x.sum(0, keepdim=True)", "Tensor"),
    "function": ("pynn.relu(x)", "Tensor"),
    "operator": ("2 * x + 1", "Tensor"),
    "max": ("x.max()", "Tensor"),
    "max_dim": ("x.max(0).indices", "Tensor"),
    "sort": ("pynn.sort(x)", "ValuesIndices"),
    "size": ("x.size()", "Size"),
    "size_dim": ("x.size(0)", "int"),
    "shape": ("x.shape[0]", "int"),
    "split": ("x.split(2)", "tuple[Tensor, ...]"),
    "nonzero": ("x.nonzero(as_tuple=True)", "tuple[Tensor, ...]"),
    "where": ("pynn.where(x > 0, x, 0.0)", "Tensor"),
    "dtype": ("x.dtype", "dtype"),
    "version": ("pynn.__version__", "str"),
}
WRONG = ("pynn.zeros(2, dtype=3)", "x.sum(dim='rows')", "pynn.cat(3)", "x.frobnicate()")


@pytest.mark.skipif(not FULL, reason="mypy reads the whole package; make test-all does")
def test_what_mypy_sees(tmp_path):
    api = pytest.importorskip("mypy.api")
    lines = ["import pynn", "x = pynn.ones(3)"]
    lines += [f"reveal_type({expression})" for expression, _ in REVEALED.values()]
    (tmp_path / "right.py").write_text("\n".join([*lines, ""]))
    (tmp_path / "wrong.py").write_text("\n".join(["import pynn", "x = pynn.ones(3)", *WRONG, ""]))
    (tmp_path / "mypy.ini").write_text("[mypy]\nfollow_imports = silent\nignore_missing_imports = true\n")
    environment = os.environ.get("MYPYPATH")
    os.environ["MYPYPATH"] = str(STUBS.parent)
    try:
        options = ["--config-file", str(tmp_path / "mypy.ini"), "--cache-dir", str(tmp_path / "cache")]
        out, err, _ = api.run([*options, str(tmp_path / "right.py"), str(tmp_path / "wrong.py")])
    finally:
        if environment is None:
            del os.environ["MYPYPATH"]
        else:
            os.environ["MYPYPATH"] = environment
    assert not err
    seen = [line for line in out.split("\n") if "right.py" in line]
    for (expression, wanted), line in zip(REVEALED.values(), seen, strict=True):
        found = line.partition('Revealed type is "')[2].rstrip('"')
        for package in ("pynn._core.", "pynn._dtypes.", "pynn.ops.view.", "pynn.return_types.", "builtins."):
            found = found.replace(package, "")
        assert found == wanted, f"{expression}: {line}"
    for number in range(3, 3 + len(WRONG)):
        assert f"wrong.py:{number}: error" in out, WRONG[number - 3]
