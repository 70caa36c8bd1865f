"""Special functions against numbers from tables (DLMF; high-precision arithmetic), identities, and the edges of their domains."""

import math

import numpy
import pytest

import pynn
from pynn import special

F64 = pynn.float64

# function, arguments, value to 16 digits.
VALUES = [
    ("erfc", (3.0,), 2.209049699858544e-05),
    ("erfc", (20.0,), 5.395865611607901e-176),
    ("erfc", (-1.0,), 1.8427007929497148),
    ("erfcx", (50.0,), 0.011281536265323773),
    ("erfinv", (0.5,), 0.4769362762044699),
    ("erfinv", (1 - 2**-53,), 5.8635847487551676),
    ("ndtri", (0.975,), 1.9599639845400538),
    ("ndtri", (1e-300,), -37.0470962993612),
    ("ndtr", (-10.0,), 7.619853024160525e-24),
    ("log_ndtr", (-40.0,), -804.6084420137538),
    ("entr", (0.5,), 0.34657359027997264),
    ("gammaln", (0.5,), 0.5723649429247001),
    ("gammaln", (100.0,), 359.1342053695754),
    ("gammaln", (-1.5,), 0.860047015376481),
    ("gammaln", (1e-8,), 18.42068073818021),
    ("digamma", (1.0,), -0.5772156649015329),
    ("digamma", (-0.5,), 0.03648997397857652),
    ("polygamma", (1, 1.0), 1.6449340668482264),
    ("polygamma", (2, 1.0), -2.4041138063191885),
    ("polygamma", (1, -0.5), 8.934802200544679),
    ("zeta", (3.0, 1.0), 1.2020569031595942),
    ("zeta", (2.0, 0.5), 4.934802200544679),
    ("gammainc", (2.0, 1.0), 0.26424111765711533),
    ("gammaincc", (0.5, 2.0), 0.04550026389635842),
    ("gammainc", (619812.1731741868, 616133.7245537931), 1.4260454977607755e-06),
    ("i0", (1.0,), 1.2660658777520084),
    ("i0", (50.0,), 2.9325537838493362e20),
    ("i1", (1.0,), 0.565159103992485),
    ("i1e", (-30.0,), -0.07191633059864755),
    ("bessel_j0", (1.0,), 0.7651976865579666),
    ("bessel_j1", (40.0,), 0.126038318037585),
    ("bessel_y0", (1.0,), 0.08825696421567696),
    ("bessel_y1", (7.5,), -0.25912851048611624),
    ("modified_bessel_k0", (1.0,), 0.42102443824070834),
    ("modified_bessel_k1", (0.1,), 9.853844780870606),
    ("spherical_bessel_j0", (math.pi / 2,), 2 / math.pi),
    ("chebyshev_polynomial_t", (0.5, 4), -0.5),
    ("chebyshev_polynomial_u", (0.5, 3), -1.0),
    ("hermite_polynomial_h", (0.5, 3), -5.0),
    ("hermite_polynomial_he", (2.0, 4), -5.0),
    ("laguerre_polynomial_l", (2.0, 2), -1.0),
    ("legendre_polynomial_p", (0.5, 3), -0.4375),
    ("shifted_chebyshev_polynomial_t", (0.75, 2), -0.5),
    ("xlog1py", (2.0, 1.0), 1.3862943611198906),
]


@pytest.mark.parametrize(("name", "args", "value"), VALUES)
def test_values(name, args, value):
    if name == "polygamma":
        got = special.polygamma(args[0], pynn.tensor(args[1], dtype=F64))
    else:
        got = getattr(special, name)(*[pynn.tensor(float(a), dtype=F64) for a in args])
    assert got.dtype is F64
    assert got.item() == pytest.approx(value, rel=1e-13)


def test_against_the_standard_library():
    x = numpy.concatenate([numpy.linspace(-5.3, 30, 500), [1e-10, 1e5, 1e300]])
    got = pynn.lgamma(pynn.from_numpy(x)).numpy()
    numpy.testing.assert_allclose(got, [math.lgamma(v) for v in x], rtol=1e-12, atol=1e-14)
    x = numpy.linspace(-6, 26, 400)
    numpy.testing.assert_allclose(pynn.erfc(pynn.from_numpy(x)).numpy(), [math.erfc(v) for v in x], rtol=1e-13)


def test_the_multivariate_gamma_function():
    wanted = math.lgamma(5.0) + math.lgamma(4.5) + 0.5 * math.log(math.pi)
    assert special.multigammaln(pynn.tensor(5.0, dtype=F64), 2).item() == pytest.approx(wanted, rel=1e-13)
    x = pynn.tensor(5.0, dtype=F64, requires_grad=True)
    pynn.mvlgamma(x, 3).backward()
    wanted = sum(pynn.digamma(pynn.tensor(v, dtype=F64)).item() for v in (5.0, 4.5, 4.0))
    assert x.grad.item() == pytest.approx(wanted, rel=1e-13)


def test_inverses_and_sums():
    y = pynn.linspace(-0.999, 0.999, 201, dtype=F64)
    assert (pynn.erf(pynn.erfinv(y)) - y).abs().max().item() < 1e-15
    p = pynn.tensor([1e-200, 1e-20, 1e-5, 0.3, 0.9], dtype=F64)
    assert (special.ndtr(special.ndtri(p)) / p - 1).abs().max().item() < 1e-12
    a = pynn.tensor([[0.3], [4.0], [200.0], [1e4]], dtype=F64)
    x = pynn.tensor([0.1, 3.0, 190.0, 1e4], dtype=F64)
    assert (pynn.igamma(a, x) + pynn.igammac(a, x) - 1).abs().max().item() < 1e-14
    # Wronskian: J1 Y0 - J0 Y1 = 2 / (pi x)
    z = pynn.linspace(0.1, 60, 300, dtype=F64)
    wronskian = special.bessel_j1(z) * special.bessel_y0(z) - special.bessel_j0(z) * special.bessel_y1(z)
    assert (wronskian * z * (math.pi / 2) - 1).abs().max().item() < 1e-12
    # I0 K1 + I1 K0 = 1 / x
    pair = special.i0e(z) * special.scaled_modified_bessel_k1(z) + special.i1e(z) * special.scaled_modified_bessel_k0(z)
    assert (pair * z - 1).abs().max().item() < 1e-13


def test_the_edges():
    inf, nan = math.inf, math.nan

    def check(f, inputs, wanted):
        numpy.testing.assert_array_equal(f(pynn.tensor(inputs)).numpy(), numpy.float32(wanted))

    check(pynn.lgamma, [0.0, -1.0, inf, -inf, nan, 1.0, 2.0], [inf, inf, inf, inf, nan, 0, 0])
    check(pynn.digamma, [0.0, -0.0, -1.0, inf], [-inf, inf, nan, inf])
    check(pynn.erfinv, [1.0, -1.0, 1.5, 0.0, nan], [inf, -inf, nan, 0, nan])
    check(pynn.erfc, [inf, -inf, nan], [0, 2, nan])
    check(special.ndtri, [0.0, 1.0, -0.1, nan], [-inf, inf, nan, nan])
    check(special.entr, [0.0, -1.0, nan], [0, -inf, nan])
    check(special.bessel_y0, [0.0, -1.0], [-inf, nan])
    check(special.modified_bessel_k0, [0.0, inf, -1.0], [inf, 0, nan])
    check(lambda x: special.zeta(x, 1.0), [1.0, 0.5, nan], [inf, nan, nan])
    check(lambda x: pynn.igamma(x, pynn.ones(3)), [0.0, -1.0, inf], [1, nan, 0])
    check(pynn.sinc, [0.0, inf], [1, nan])
    check(pynn.logit, [0.0, 1.0, 1.5], [-inf, inf, nan])
    check(lambda x: pynn.xlogy(x, 0.0), [0.0, 1.0, nan], [0, -inf, nan])


def test_gradients_of_the_inputs_that_have_one():
    a = pynn.tensor([0.5, 3.0], dtype=F64)
    x = pynn.tensor([0.7, 2.5], dtype=F64, requires_grad=True)
    pynn.igamma(a, x).sum().backward()
    wanted = [v ** (s - 1) * math.exp(-v) / math.gamma(s) for s, v in ((0.5, 0.7), (3.0, 2.5))]
    assert x.grad.tolist() == pytest.approx(wanted, rel=1e-13)
    (grad,) = pynn.autograd.grad(pynn.igammac(a, x).sum(), x)
    assert grad.tolist() == pytest.approx([-v for v in wanted], rel=1e-13)
    q = pynn.tensor([1.5], dtype=F64, requires_grad=True)
    special.zeta(3.0, q).backward()
    assert q.grad.item() == pytest.approx(-3 * special.zeta(4.0, q.detach()).item(), rel=1e-13)
    with pytest.raises(RuntimeError, match="has no gradient"):
        special.zeta(x, a + 1).sum().backward()
    with pytest.raises(RuntimeError, match="has no gradient"):
        pynn.heaviside(x, a).sum().backward()
    with pytest.raises(RuntimeError, match="has no gradient"):
        pynn.floor_divide(x, 2).sum().backward()


def test_dtypes():
    whole = pynn.tensor([1, 2, 3])
    for f in (pynn.lgamma, pynn.digamma, pynn.erfc, special.i0e, special.ndtr, special.bessel_j0, special.entr):
        assert f(whole).dtype is pynn.float32
        assert f(whole.bool()).dtype is pynn.float32
        assert f(whole.to(pynn.bfloat16)).dtype is pynn.bfloat16
        assert f(whole.half()).dtype is pynn.float16
        assert f(whole.double()).dtype is F64
        assert f(pynn.empty(0)).shape == (0,)
        assert f(pynn.tensor(1.5)).shape == ()
    with pytest.raises(NotImplementedError, match="igamma"):
        pynn.igamma(whole, whole)
    with pytest.raises(RuntimeError, match="negative n"):
        pynn.polygamma(-1, whole)
    with pytest.raises(RuntimeError, match="greater than or equal to 1"):
        pynn.mvlgamma(whole, 0)


def test_names_and_out():
    assert special.expit is pynn.sigmoid
    assert special.psi is pynn.digamma
    assert set(special.__all__) <= set(dir(special))
    out = pynn.empty(0)
    assert special.i1(pynn.ones(2), out=out) is out
    assert special.zeta(pynn.full((2,), 2.0), 1, out=out).tolist() == pytest.approx([math.pi**2 / 6] * 2)
    with pytest.raises(AttributeError, match=r"scipy\.special"):
        _ = special.airy_ai
    assert special.softmax(pynn.zeros(2), 0).tolist() == [0.5, 0.5]


def test_torch_has_no_name_that_is_missing_here():
    torch = pytest.importorskip("torch")
    names = {n for n in torch.special.__all__ if n != "airy_ai"}
    assert names <= set(special.__all__)


@pytest.mark.parametrize("x", [1e-300, 1e-9, 0.3, 0.6, 0.9, 1.0, 1.5, 2.5, 3.0, 4.5, 5.5])
def test_erfinv_undoes_erf(x):
    y = math.erf(x)
    if y < 1.0:
        slope = 2 / math.sqrt(math.pi) * math.exp(-x * x)  # one unit in the last place of y is so much more of x
        found = pynn.tensor([y, -y], dtype=pynn.float64).erfinv().tolist()
        assert found == pytest.approx([x, -x], rel=1e-15, abs=2e-16 * y / slope)


def test_erfinv_at_the_ends_beyond_them_and_of_many():
    found = pynn.tensor([1.0, -1.0, 2.0, math.nan, 0.0, -0.0], dtype=pynn.float64).erfinv().tolist()
    assert found[:2] == [math.inf, -math.inf]
    assert found[4] == found[5] == 0.0
    assert all(math.isnan(v) for v in found[2:4])
    assert math.copysign(1, found[5]) == -1
    many = pynn.linspace(-0.999, 0.999, 20001, dtype=pynn.float64).reshape(3, -1).t()  # more than one block, strided
    assert pynn.allclose(many.erfinv().erf(), many, rtol=1e-14, atol=1e-15)
    assert pynn.empty(0).erfinv().shape == (0,)
