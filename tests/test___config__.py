"""pynn.__config__: torch's names for how it was built."""

import pynn
from pynn import __config__


def test_show_names_version_and_backends():
    text = __config__.show()
    assert text.startswith("pynn built with:\n")
    assert f"- version: {pynn.__version__}" in text
    assert "numpy=available" in text
    assert all(line.startswith("  - ") for line in text.splitlines()[1:])


def test_parallel_info_names_the_threads():
    before = pynn.get_num_threads()
    pynn.set_num_threads(1)
    try:
        assert "get_num_threads() : 1\n" in __config__.parallel_info()
    finally:
        pynn.set_num_threads(before)
