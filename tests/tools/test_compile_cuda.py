"""tools/compile_cuda.py where there is no nvcc: it says so and fails nobody's build."""

import importlib.util
import pathlib

import pytest


@pytest.fixture
def tool(monkeypatch):
    path = pathlib.Path(__file__).parents[2] / "tools" / "compile_cuda.py"
    spec = importlib.util.spec_from_file_location("compile_cuda", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.delenv("PYNN_NVCC", raising=False)
    monkeypatch.delenv("CUDACXX", raising=False)
    monkeypatch.setattr(module.shutil, "which", lambda *args, **options: None)
    return module


def test_no_nvcc_is_one_line_and_no_failure(tool, capsys):
    assert tool.main([]) == 0
    said = capsys.readouterr().out
    assert said.count("\n") == 1
    assert "skipped" in said
    assert "not compiled" in said


def test_packages_that_cannot_be_had_are_no_failure(tool, capsys, monkeypatch):
    monkeypatch.setattr(tool, "fetched", lambda folder: None)
    assert tool.main(["--fetch"]) == 0
    assert "could not be installed" in capsys.readouterr().out


def test_a_named_nvcc_is_used(tool, capsys, monkeypatch):
    monkeypatch.setenv("PYNN_NVCC", "/somewhere/nvcc")
    used = []
    monkeypatch.setattr(tool, "compile_all", lambda nvcc, jobs: used.append(str(nvcc)) or 3)
    assert tool.main([]) == 3
    assert used == ["/somewhere/nvcc"]
    assert "failed" in capsys.readouterr().out
