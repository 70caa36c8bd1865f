"""Arguments by torch's names for them, where a function takes the same ones listed too."""

import pytest

import pynn

X = pynn.arange(24.0).reshape(2, 3, 4)

BY_NAME = [
    ("reshape", {"shape": (6, 4)}, ((6, 4),)),
    ("view", {"size": (4, 6)}, ((4, 6),)),
    ("view", {"dtype": pynn.int32}, (pynn.int32,)),
    ("permute", {"dims": (2, 0, 1)}, (2, 0, 1)),
    ("expand", {"size": (2, 2, 3, 4)}, (2, 2, 3, 4)),
    ("repeat", {"repeats": (1, 1, 2)}, (1, 1, 2)),
    ("tile", {"dims": (2,)}, (2,)),
    ("split", {"split_size": 1, "dim": 1}, (1, 1)),
    ("split", {"split_size": [1, 2], "dim": 1}, ([1, 2], 1)),
    ("squeeze", {"axis": 0}, (0,)),
    ("unsqueeze", {"axis": -1}, (-1,)),
    ("softmax", {"axis": 1}, (1,)),
    ("log_softmax", {"axis": 1}, (1,)),
]


def _as_lists(result):
    return [x.tolist() for x in result] if isinstance(result, tuple) else result.tolist()


@pytest.mark.parametrize(("name", "keywords", "listed"), BY_NAME, ids=lambda v: v if isinstance(v, str) else "")
def test_a_keyword_means_what_the_listed_arguments_do(name, keywords, listed):
    assert _as_lists(getattr(X, name)(**keywords)) == _as_lists(getattr(X, name)(*listed))


def test_functions_take_them_too():
    assert pynn.reshape(input=X, shape=(6, 4)).shape == (6, 4)
    assert pynn.permute(input=X, dims=(2, 1, 0)).shape == (4, 3, 2)
    assert pynn.max(input=X, other=X + 1).tolist() == (X + 1).tolist()
    assert pynn.min(input=X, other=X + 1).tolist() == X.tolist()
    assert pynn.arange(end=3).tolist() == [0, 1, 2]
    assert pynn.arange(start=1, end=3).tolist() == [1, 2]
    assert pynn.rand(size=(2, 3)).shape == (2, 3)
    assert pynn.randn(size=[4]).shape == (4,)


def test_both_ways_or_neither_is_an_error():
    for name, keyword in (("reshape", "shape"), ("view", "size"), ("permute", "dims"), ("repeat", "repeats")):
        with pytest.raises(TypeError, match=rf"{name}\(\) got multiple values for argument '{keyword}'"):
            getattr(X, name)(2, 3, 4, **{keyword: (2, 3, 4)})
    for call, missing in ((X.split, "split_size_or_sections"), (X.softmax, "dim"), (pynn.arange, "end")):
        with pytest.raises(TypeError, match=f"missing 1 required positional argument: '{missing}'"):
            call()


def test_assert():
    pynn._assert(True, "fine")
    with pytest.raises(AssertionError, match="too small"):
        pynn._assert(pynn.tensor(1) > 2, "too small")
