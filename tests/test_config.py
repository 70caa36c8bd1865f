"""show_config, threads, and the version and configuration as torch has them (version, __config__)."""

import pytest

import pynn
from pynn import _config


def test_show_config_names_what_there_is(capsys):
    pynn.show_config()
    text = capsys.readouterr().out
    for part in ("version: " + pynn.__version__, "isa: ", "threads: ", "native: ", "numpy: available"):
        assert part in text
    assert _config.config()["threads"] == pynn.get_num_threads()


def test_threads_are_checked():
    before = pynn.get_num_threads()
    pynn.set_num_threads(before)
    with pytest.raises(RuntimeError, match="positive integer, got 0"):
        pynn.set_num_threads(0)
    with pytest.raises(TypeError, match="expects an int, but got float"):
        pynn.set_num_threads(1.5)


def test_version_and_configuration():
    assert pynn.version.cuda is None
    assert pynn.version.__version__ == pynn.__version__
    lines = pynn.__config__.show().splitlines()
    assert lines[0] == "pynn built with:"
    assert f"  - version: {pynn.__version__}" in lines
    assert any(line.startswith("  - backends: ") and "numpy=available" in line for line in lines)
    assert f"get_num_threads() : {pynn.get_num_threads()}\n" in pynn.__config__.parallel_info()
