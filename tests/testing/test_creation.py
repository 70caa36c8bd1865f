"""make_tensor: ranges, dtypes, forms."""

import pytest

import pynn
from pynn.testing import make_tensor


@pytest.mark.parametrize(
    ("dtype", "low", "high"),
    [(pynn.float32, -9, 9), (pynn.bfloat16, -9, 9), (pynn.int64, -9, 10), (pynn.uint8, 0, 10), (pynn.bool, 0, 2)],
)
def test_default_ranges(dtype, low, high):
    made = make_tensor(50, 20, dtype=dtype, device="cpu")
    assert made.dtype is dtype
    assert made.shape == (50, 20)
    wide = made.double()
    assert low <= wide.min().item()
    assert wide.max().item() < high
    assert wide.max().item() - wide.min().item() > 0.9 * (high - low) - 1


def test_options():
    made = make_tensor((4, 6), dtype=pynn.float32, low=2, high=3, requires_grad=True, noncontiguous=True)
    assert made.shape == (4, 6)
    assert made.requires_grad
    assert made.is_leaf
    assert not made.is_contiguous()
    assert 2 <= made.min().item() <= made.max().item() < 3
    assert make_tensor((), dtype=pynn.float32).shape == ()
    assert (make_tensor(200, dtype=pynn.int32, low=0, high=2, exclude_zero=True) == 1).all()
    assert (make_tensor(200, dtype=pynn.float16, low=0, high=1, exclude_zero=True) != 0).all()


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"dtype": pynn.float32, "low": 3, "high": 2}, "`low` must be less than `high`"),
        ({"dtype": pynn.float32, "low": float("nan")}, "cannot be NaN"),
        ({"dtype": pynn.int64, "requires_grad": True}, "`requires_grad=True` is not supported"),
        ({"dtype": pynn.float32, "noncontiguous": True, "memory_format": pynn.contiguous_format}, "mutually exclusive"),
    ],
)
def test_what_it_refuses(options, text):
    with pytest.raises(ValueError, match=text):
        make_tensor(3, **options)
