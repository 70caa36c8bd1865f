"""assert_close: what passes, what does not, and what it says. The texts are torch's."""

import numpy
import pytest

import pynn
from pynn.testing import assert_allclose, assert_close

NAN = float("nan")
T = pynn.tensor


def x():
    return T([1.0, 2.0, 3.0])


@pytest.mark.parametrize(
    ("actual", "expected", "options"),
    [
        (x(), x() + 1e-6, {}),
        (x(), x().double(), {"check_dtype": False}),
        (x(), x() + 1, {"rtol": 0, "atol": 2}),
        (T([NAN]), T([NAN]), {"equal_nan": True}),
        (T([]), T([]), {}),
        (pynn.nn.Parameter(x()), x(), {}),
        ((1.0, 2.0), [1.0, 2.0], {}),
        ({"a": [x(), 1]}, {"a": [x(), 1]}, {}),
        (1.0, 1.0 + 1e-9, {}),
        (None, None, {}),
        (True, True, {}),
        (1, 1.0, {"check_dtype": False}),
        (numpy.ones(2), numpy.ones(2), {}),
        (T([float("inf")]), T([float("inf")]), {}),
        (T([1, 2]), T([1, 2]), {}),
        (T([True, False]), T([True, False]), {}),
        (T([1.0]).half(), T([1.0009]).half(), {}),
    ],
)
def test_close(actual, expected, options):
    assert_close(actual, expected, **options)


@pytest.mark.parametrize(
    ("actual", "expected", "options", "text"),
    [
        (
            x(), T([1.0, 2.5, 3.0]), {},
            "Tensor-likes are not close!\n\nMismatched elements: 1 / 3 (33.3%)\n"
            "Greatest absolute difference: 0.5 at index (1,) (up to 1e-05 allowed)\n"
            "Greatest relative difference: 0.20000000298023224 at index (1,) (up to 1.3e-06 allowed)",
        ),
        (
            T([1, 2]), T([1, 3]), {},
            "Tensor-likes are not equal!\n\nMismatched elements: 1 / 2 (50.0%)\n"
            "Greatest absolute difference: 1 at index (1,)\nGreatest relative difference: 0.3333333432674408 at index (1,)",
        ),
        (
            T(1.0), T(2.0), {},
            "Scalars are not close!\n\nExpected 2.0 but got 1.0.\nAbsolute difference: 1.0 (up to 1e-05 allowed)\n"
            "Relative difference: 0.5 (up to 1.3e-06 allowed)",
        ),
        (1, 2, {}, "Scalars are not equal!\n\nExpected 2 but got 1.\nAbsolute difference: 1\nRelative difference: 0.5"),
        (1, 1.0, {}, "The (d)types do not match: <class 'int'> != <class 'float'>."),
        (True, False, {}, "Booleans mismatch: True is not False"),
        (None, 1, {}, "None mismatch: None is not 1"),
        (x(), x().double(), {}, "The values for attribute 'dtype' do not match: pynn.float32 != pynn.float64."),
        (x(), x()[:2], {}, "The values for attribute 'shape' do not match: pynn.Size([3]) != pynn.Size([2])."),
        (
            pynn.zeros(3, 2).t(), pynn.zeros(2, 3), {"check_stride": True},
            "The values for attribute 'stride()' do not match: (1, 2) != (3, 1).",
        ),
        ([1, 2], [1, 2, 3], {}, "The length of the sequences mismatch: 2 != 3"),
        (
            {"a": 1}, {"b": 1}, {},
            "The keys of the mappings do not match:\nMissing keys in the actual mapping: ['b']\n"
            "Additional keys in the actual mapping: ['a']",
        ),
        (x(), x() + 1, {"msg": "hello"}, "hello"),
        (None, 1, {"msg": lambda text: "first\n" + text}, "first\nNone mismatch: None is not 1"),
    ],
)  # fmt: skip
def test_not_close(actual, expected, options, text):
    with pytest.raises(AssertionError) as raised:
        assert_close(actual, expected, **options)
    assert str(raised.value).replace("torch.Size", "pynn.Size") == text


@pytest.mark.parametrize(
    "pair", [(NAN, NAN), (T([NAN]), T([NAN])), (T([1.0]), T([float("inf")])), (T([1.0]), T([0.0]))]
)
def test_infinite_differences(pair):
    with pytest.raises(AssertionError, match="not close"):
        assert_close(*pair)


def test_says_where_in_containers():
    with pytest.raises(AssertionError, match=r"The failure occurred for item \[1\]\['k'\]$"):
        assert_close([x(), {"k": x()}], [x(), {"k": x() + 1}])


@pytest.mark.parametrize(
    "pair", [(x(), [1, 2, 3]), (x(), numpy.ones(3)), ("a", "a"), (True, 1), (x(), 3.0), (object(), object())]
)
def test_what_cannot_be_compared(pair):
    with pytest.raises(TypeError, match="No comparison pair was able to handle inputs of type"):
        assert_close(*pair)


def test_tolerances_come_in_pairs():
    with pytest.raises(ValueError, match="but got no atol"):
        assert_close(x(), x(), rtol=1e-3)
    with pytest.raises(ValueError, match="must not be negative"):
        assert_close(x(), x(), rtol=-1, atol=0)
    with pytest.raises(TypeError, match="No comparison pair"):
        assert_close(x(), pynn.nn.Parameter(x()), allow_subclasses=False)


def test_the_old_form():
    with pytest.warns(FutureWarning, match="deprecated"):
        assert_allclose(x(), [1.0, 2.0, 3.0])


def test_agrees_with_torch():
    torch = pytest.importorskip("torch")
    rng = numpy.random.default_rng(0)
    for kind in ("float32", "float64", "float16", "int64", "uint8"):
        a = (rng.normal(size=(3, 4)) * 20).astype(kind)
        b = a.copy()
        b[1, 2] += 3
        b[2, 0] += 1
        found = []
        for lib in (pynn, torch):
            with pytest.raises(AssertionError) as raised:
                lib.testing.assert_close(lib.tensor(a), lib.tensor(b))
            found.append(str(raised.value))
        assert found[0] == found[1]
