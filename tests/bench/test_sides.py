"""The sides of the comparison: which run here, and what a missing library gives."""

import pytest

from pynn.bench import sides


def test_pynn_is_there_and_first():
    assert sides.chosen(None, False)[0][0] == "pynn"
    assert sides.chosen([], False) == (["pynn"], {})
    assert sides.SIDES["pynn"].missing() is None


def test_a_missing_library_is_not_run_and_named(monkeypatch):
    monkeypatch.setattr(sides.importlib.util, "find_spec", lambda name: None if name == "onnx" else object())
    run, absent = sides.chosen(None, False)
    assert "ort" not in run
    assert absent == {"ort": "needs onnx, not installed"}


def test_compiling_needs_asking_and_a_compiler(monkeypatch):
    monkeypatch.setattr(sides.importlib.util, "find_spec", lambda name: object())
    assert "torch compile" not in sides.chosen(None, False)[0]
    assert "torch compile" not in sides.chosen(None, False)[1]
    monkeypatch.setenv("CXX", "no-such-compiler")
    assert sides.chosen(["torch compile"], False) == (["pynn"], {"torch compile": "needs a C++ compiler"})
    monkeypatch.setenv("CXX", "sh")
    assert sides.chosen(["torch compile"], False)[0] == ["pynn", "torch compile"]
    assert "torch compile" in sides.chosen(None, True)[0]


def test_an_unknown_side_is_refused():
    with pytest.raises(ValueError, match="no side abacus: there are pynn, numba, torch"):
        sides.chosen(["abacus"], False)


def test_pynn_on_numba_needs_asking_and_numba(monkeypatch):
    monkeypatch.setattr(sides.importlib.util, "find_spec", lambda name: None if name == "numba" else object())
    assert "numba" not in sides.chosen(None, False)[0]
    assert sides.chosen(["numba"], False) == (["pynn"], {"numba": "needs numba, not installed"})


def test_versions():
    assert set(sides.SIDES["pynn"].versions()) == {"pynn"}
    assert sides.SIDES["numpy"].versions()["numpy"][0].isdigit()
