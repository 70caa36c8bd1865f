"""What a report says of the machine, and what says that it is not here."""

import platform

import pytest

import pynn
from pynn.utils import collect_env, cpp_extension


def test_facts_are_those_of_this_machine(capsys, monkeypatch):
    monkeypatch.setenv("PYNN_SOMETHING", "5")
    info = collect_env.get_env_info()
    assert info.pynn_version == pynn.__version__
    assert info.num_threads == str(pynn.get_num_threads())
    assert info.is_cuda_available == "False"
    assert "PYNN_SOMETHING=5" in info.environment
    assert "numpy==" in info.pip_packages
    collect_env.main()
    text = capsys.readouterr().out
    assert platform.python_version() in text
    assert f"pynn version: {pynn.__version__}" in text


def test_extensions_say_what_to_do():
    for call in (
        lambda: cpp_extension.load("x", ["x.cpp"]),
        lambda: cpp_extension.load_inline("x", ""),
        lambda: cpp_extension.CppExtension("x", []),
        lambda: cpp_extension.BuildExtension(),
    ):
        with pytest.raises(RuntimeError, match="ctypes"):
            call()
    assert cpp_extension.include_paths() == [pynn.get_include()]


def test_names_for_annotations():
    from pynn.jit.annotations import Dict, List, Optional

    assert pynn.jit.annotations.List is List
    assert Optional[int] == int | None
    assert Dict[str, int].__args__ == (str, int)
