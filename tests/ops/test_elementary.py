"""Pointwise functions: dtypes, numbers and 0-dim tensors, what is refused, in-place forms as methods and functions."""

import math

import numpy
import pytest

import pynn

F = [1.5, -2.5]


def both(name, *args, **kwargs):
    """A function's value, after comparing its method and its in-place forms with it."""
    x = args[0]
    value = getattr(pynn, name)(*args, **kwargs)
    for form in (getattr(pynn.Tensor, name), getattr(pynn.Tensor, name + "_", None), getattr(pynn, name + "_", None)):
        if form is not None:
            target = x.clone()
            got = form(target, *args[1:], **kwargs)
            assert numpy.array_equal(got.numpy(), value.numpy(), equal_nan=True), name
            if form.__name__.endswith("_"):
                assert got is target
    return value.tolist()


def test_values():
    x, y = pynn.tensor(F, dtype=pynn.float64), pynn.tensor([2.0, -0.5], dtype=pynn.float64)
    near = pytest.approx
    assert both("asinh", x) == near([math.asinh(v) for v in F])
    assert both("arccosh", x.abs()) == near([math.acosh(abs(v)) for v in F])
    assert both("atanh", x / 3) == near([math.atanh(v / 3) for v in F])
    assert both("atan2", x, y) == near([math.atan2(1.5, 2.0), math.atan2(-2.5, -0.5)])
    assert both("hypot", x, y) == near([2.5, math.hypot(2.5, 0.5)])
    assert both("copysign", x, y) == [1.5, -2.5]
    assert both("copysign", x, -1) == [-1.5, -2.5]
    assert both("sinc", x) == near([math.sin(math.pi * v) / (math.pi * v) for v in F])
    assert both("frac", x) == [0.5, -0.5]
    assert both("deg2rad", x) == near([math.radians(v) for v in F])
    assert both("rad2deg", x) == near([math.degrees(v) for v in F])
    assert both("nan_to_num", pynn.tensor([math.nan, math.inf, -math.inf]), 1.0, 2.0) == [
        1.0,
        2.0,
        pynn.finfo(pynn.float32).min,
    ]
    assert both("logit", pynn.tensor([0.25, 0.99]), 0.2) == near([math.log(1 / 3), math.log(4)])
    assert both("ldexp", pynn.tensor(F), pynn.tensor([2, -1])) == [6.0, -1.25]
    assert both("heaviside", pynn.tensor([-1.0, 0.0, 2.0]), pynn.tensor([7.0, 8.0, 9.0])) == [0, 8, 1]
    assert both("logical_xor", pynn.tensor([1, 0, 2]), pynn.tensor([1, 1, 0])) == [False, True, True]
    assert both("fmax", pynn.tensor([math.nan, 1.0]), pynn.tensor([0.5, math.nan])) == [0.5, 1.0]
    assert both("round", pynn.tensor([1.25, 17.0]), decimals=1) == near([1.2, 17.0])
    assert both("round", pynn.tensor([1.25, 17.0]), decimals=-1) == [0.0, 20.0]
    assert both("sgn", pynn.tensor([-2.0, 0.0])) == [-1.0, 0.0]
    assert pynn.frexp(pynn.tensor(F)).mantissa.tolist() == [0.75, -0.625]
    assert pynn.frexp(pynn.tensor(F)).exponent.tolist() == [1, 2]
    assert pynn.logaddexp2(pynn.tensor([3.0]), pynn.tensor([3.0])).tolist() == [4.0]
    assert pynn.angle(pynn.tensor([1.0, -1.0])).tolist() == near([0.0, math.pi])
    assert pynn.nextafter(pynn.tensor(1.0).bfloat16(), pynn.tensor(2.0).bfloat16()).item() == 1.0078125


def test_integers():
    a, b = pynn.tensor([12, -18, 0]), pynn.tensor([18, 12, 5])
    assert both("gcd", a, b) == [6, 6, 5]
    assert both("lcm", a, b) == [36, 36, 0]
    assert (a << 2).tolist() == [48, -72, 0]
    assert (a >> 1).tolist() == [6, -9, 0]
    assert (1 << pynn.tensor([0, 3])).tolist() == [1, 8]
    assert (a >> 100).tolist() == [0, -1, 0]
    a <<= 1
    assert a.tolist() == [24, -36, 0]
    assert (pynn.tensor([True]) << 1).dtype is pynn.int64
    for op in (pynn.gcd, pynn.bitwise_left_shift):
        with pytest.raises(NotImplementedError, match="not implemented"):
            op(pynn.tensor(F), pynn.tensor(F))


def test_numbers_wrap_as_integers_do():
    u = pynn.tensor([253, 5], dtype=pynn.uint8)
    assert (u + 300).tolist() == [41, 49]
    assert (u * -1).tolist() == [3, 251]
    assert (u == -3).tolist() == [True, False]
    assert (u < 300).tolist() == [False, True]
    assert u.clone().add_(300).tolist() == [41, 49]
    assert (pynn.tensor([100], dtype=pynn.int8) + 200).tolist() == [44]
    with pytest.raises(RuntimeError, match="without overflow"):
        u.clamp(-5, 300)


def test_alpha():
    i, b, d = pynn.tensor([1, 2]), pynn.tensor([True, False]), pynn.tensor([1.0], dtype=pynn.float64)
    assert pynn.add(i, i, alpha=3).tolist() == [4, 8]
    assert pynn.add(b, b, alpha=2).tolist() == [True, False]
    assert pynn.add(d, i, alpha=0.1).tolist() == [1.1, 1.2]
    assert pynn.rsub(i, 5, alpha=2).tolist() == [3, 1]
    with pytest.raises(RuntimeError, match="must not be a floating point number"):
        pynn.add(i, i, alpha=1.5)
    with pytest.raises(RuntimeError, match="Boolean alpha"):
        pynn.add(i, i, alpha=True)


def test_division_rounded():
    x = pynn.tensor([7, -7])
    assert pynn.div(x, 2, rounding_mode="trunc").tolist() == [3, -3]
    assert pynn.div(x, 2, rounding_mode="trunc").dtype is pynn.int64
    assert pynn.div(x, 2, rounding_mode="floor").tolist() == [3, -4]
    assert x.clone().div_(2, rounding_mode="floor").tolist() == [3, -4]
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        pynn.div(x, 0, rounding_mode="trunc")
    with pytest.raises(RuntimeError, match="rounding_mode"):
        pynn.div(x, 2, rounding_mode="up")
    f = pynn.tensor([7.5], requires_grad=True)
    pynn.div(f, 2, rounding_mode="floor").sum().backward()
    assert f.grad.tolist() == [0.0]


def test_clamp_by_tensors():
    x = pynn.tensor([-1.0, 0.5, 3.0, 0.0], requires_grad=True)
    low, high = pynn.zeros(4, requires_grad=True), pynn.tensor([1.0, 1.0, 1.0, -1.0], requires_grad=True)
    out = x.clamp(low, high)
    assert out.tolist() == [0.0, 0.5, 1.0, -1.0]
    out.sum().backward()
    assert x.grad.tolist() == [0.0, 1.0, 0.0, 0.0]
    assert low.grad.tolist() == [1.0, 0.0, 0.0, 0.0]
    assert high.grad.tolist() == [0.0, 0.0, 1.0, 1.0]
    assert pynn.tensor([-1.0, 2.0]).clamp_(pynn.tensor(0.0)).tolist() == [0.0, 2.0]
    assert pynn.tensor([-1, 2]).clamp(pynn.tensor(0.5)).tolist() == [0.5, 2.0]
    assert pynn.tensor([-1.0, 2.0]).clamp(pynn.tensor(0.0), 1).tolist() == [0.0, 1.0]
    with pytest.raises(RuntimeError, match="can't be cast"):
        pynn.tensor([1]).clamp_(0.5)
    with pytest.raises(TypeError):
        pynn.clamp_min(pynn.ones(1), None)


def test_bools():
    b = pynn.tensor([True, False])
    assert pynn.square(b).dtype is pynn.int64
    assert pynn.sign(b).tolist() == [True, False]
    assert (b**2).dtype is pynn.int64
    for f in (pynn.abs, pynn.ceil, pynn.round, lambda x: x // x, lambda x: x**x, lambda x: pynn.fmod(x, x)):
        with pytest.raises(NotImplementedError, match="not implemented for"):
            f(b)
    with pytest.raises(RuntimeError, match="bool tensor is not supported"):
        pynn.positive(b)


@pytest.mark.parametrize("name", ["maximum", "fmin", "atan2", "logaddexp", "igamma", "gcd", "logical_and", "nextafter"])
def test_both_must_be_tensors(name):
    with pytest.raises(TypeError, match="argument 'other' \\(position 2\\) must be Tensor"):
        getattr(pynn, name)(pynn.ones(2), 1)
    with pytest.raises(TypeError, match="argument 'input' \\(position 1\\) must be Tensor"):
        getattr(pynn, name)(1, pynn.ones(2))


def test_inplace_forms_refuse_what_does_not_fit():
    i = pynn.tensor([1, 2])
    for call in (
        lambda: i.atan2_(i),
        lambda: i.xlogy_(i),
        lambda: i.true_divide_(2),
        lambda: i.lgamma_(),
        lambda: i.copysign_(1),
    ):
        with pytest.raises(RuntimeError, match="can't be cast"):
            call()
    with pytest.raises(RuntimeError, match="doesn't match the broadcast shape"):
        pynn.ones(2).logical_and_(pynn.ones(3, 2))
    with pytest.raises(RuntimeError, match="float_power_"):
        pynn.ones(2).float_power_(2)
    assert pynn.tensor([1.5]).eq_(1.5).tolist() == [1.0]
    assert pynn.tensor([3]).bitwise_not_().tolist() == [-4]


def test_gradients_flow_through_inplace_forms():
    x = pynn.tensor([0.3, 0.4], requires_grad=True)
    y = x.clone()
    y.asinh_().xlogy_(x.detach() + 1).logit_(1e-6)
    pynn_grad = pynn.autograd.grad(y.sum(), x)[0]
    z = pynn.logit(pynn.xlogy(pynn.asinh(x), x.detach() + 1), 1e-6)
    assert pynn_grad.tolist() == pynn.autograd.grad(z.sum(), x)[0].tolist()


def test_every_inplace_function_of_torch_is_a_function():
    for name in [
        "abs_",
        "exp_",
        "relu_",
        "zero_",
        "fill_",
        "clip_",
        "xlogy_",
        "lcm_",
        "negative_",
        "nan_to_num_",
        "sinc_",
        "erfc_",
        "detach_",
    ]:
        assert callable(getattr(pynn, name)), name
    x = pynn.tensor([-1.0, 2.0])
    assert pynn.relu_(x) is x
    assert pynn.fill_(x, 3).tolist() == [3.0, 3.0]
    assert pynn.zero_(x).tolist() == [0.0, 0.0]
    assert pynn.fill(x, 2).tolist() == [2.0, 2.0]
    assert x.tolist() == [0.0, 0.0]


def test_real_numbers_as_complex_ones():
    x = pynn.tensor(F)
    assert pynn.real(x) is x
    assert x.real is x
    assert pynn.conj(x) is x
    assert x.resolve_conj() is x
    assert not x.is_conj()
    assert not pynn.is_neg(x)
    assert pynn.isreal(x).tolist() == [True, True]
    with pytest.raises(RuntimeError, match="imag is not implemented"):
        pynn.imag(x)


def test_where_of_two_numbers_and_uint8_conditions():
    c = pynn.tensor([True, False])
    assert pynn.where(c, 1.0, 2).dtype is pynn.float32
    assert pynn.where(c, 1, 2).dtype is pynn.int64
    assert pynn.where(c.to(pynn.uint8), pynn.ones(2), pynn.zeros(2)).tolist() == [1.0, 0.0]


def test_isclose_and_can_cast():
    a = pynn.tensor([1.0, math.inf, math.nan])
    assert pynn.isclose(a, a).tolist() == [True, True, False]
    assert pynn.isclose(a, a, equal_nan=True).tolist() == [True, True, True]
    with pytest.raises(RuntimeError, match="did not match"):
        pynn.allclose(a, a.double())
    with pytest.raises(RuntimeError, match="rtol must be greater"):
        pynn.isclose(a, a, rtol=-1)
    assert pynn.can_cast(pynn.int64, pynn.float16)
    assert not pynn.can_cast(pynn.float32, pynn.int64)
    assert not pynn.can_cast(pynn.int64, pynn.bool)


def test_lerp_and_addcdiv_refuse_other_dtypes():
    f, i = pynn.tensor(F), pynn.tensor([1, 2])
    with pytest.raises(RuntimeError, match="for `end`"):
        pynn.lerp(f, i, 0.5)
    with pytest.raises(RuntimeError, match="Integer division with addcdiv"):
        pynn.addcdiv(f, i, i)
    assert pynn.addcmul(i, i, i, value=2).tolist() == [3, 10]
