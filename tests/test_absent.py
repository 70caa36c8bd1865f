"""What is not here says why."""

import pytest

import pynn


@pytest.mark.parametrize("name", ["export", "quantization", "sparse"])
def test_what_is_not_here_says_why(name):
    with pytest.raises(AttributeError, match=r"scope|compile"):
        getattr(pynn, name)
