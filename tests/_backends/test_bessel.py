"""Bessel functions and orthogonal polynomials over arrays: values from high-precision arithmetic (torch's own J and Y are
right to six digits in places) and, of the polynomials, torch's. tests/ops/test_special.py has them as functions of tensors.
"""

import numpy
import pytest

from pynn._backends import bessel

# Around 20 and 25 the functions go over from one series to another.
PLACES = (1e-8, 0.3, 5.5, 19.75, 20.25, 24.5, 25.5, 700.0)
VALUES = {
    "i0e": (
        0.99999999000000007, 0.75758062518254786, 0.17448325638192987, 0.090354294141931321, 0.089217135162321049,
        0.081019598855076892, 0.07939852454797062, 0.015081295651531358,
    ),
    "i1e": (
        4.9999999500000004e-9, 0.1123775606398388, 0.15770100901675651, 0.088036292405513498, 0.086985587833898941,
        0.079348528847267699, 0.077825789091938575, 0.015070519444716847,
    ),
    "k0e": (
        18.536612444976902, 1.8526273007720143, 0.52332473155241565, 0.28028113622969774, 0.27684049777804603,
        0.25194428924816337, 0.24700235174164694, 0.047362369454613572,
    ),
    "k1e": (
        100000000.99999991, 4.1251577622444698, 0.56904797438905091, 0.28729126350942658, 0.28359555110009598,
        0.25703555832892222, 0.25179980933490231, 0.047396187653494544,
    ),
    "j0": (
        0.99999999999999997, 0.97762624653829609, -0.0068438694178191968, 0.17844944575138386, 0.14542139387367762,
        0.023697433734067902, 0.14406215754684786, -0.0062882724650687668,
    ),
    "j1": (
        5.0e-9, 0.148318816273104, -0.34143821542904335, 0.023999816388423013, 0.1050149686495336,
        -0.15897841181932808, -0.062048536491484102, 0.029489824084030331,
    ),
    "y0": (
        -11.800773877179531, -0.80727357780451949, -0.33948059288191104, 0.019478763228014928, 0.10139569667320204,
        -0.15942871774975043, -0.064859765498783491, 0.029494308180893819,
    ),
    "y1": (
        -63661977.236758194, -2.2931051383885291, -0.023758238956389618, -0.17801358614613998, -0.14296347318040759,
        -0.026954655331885411, -0.1453610587230494, 0.00630934142145256,
    ),
    "spherical_j0": (
        0.99999999999999998, 0.98506735553779858, -0.12828005919461671, 0.039676094986245841, 0.048667906743956525,
        -0.024137042035311199, 0.014080719765575227, 0.0007771007476619652,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", VALUES)
def test_values(name):
    found = getattr(bessel, name)(numpy.array(PLACES))
    oscillates = name[0] in "jys"
    numpy.testing.assert_allclose(found, VALUES[name], rtol=4e-15, atol=2e-16 if oscillates else 0)


@pytest.mark.parametrize(
    ("plain", "scaled", "sign"), [("i0", "i0e", 1), ("i1", "i1e", 1), ("k0", "k0e", -1), ("k1", "k1e", -1)]
)
def test_those_that_are_not_scaled(plain, scaled, sign):
    x = numpy.array(PLACES)
    numpy.testing.assert_allclose(getattr(bessel, plain)(x), VALUES[scaled] * numpy.exp(sign * x), rtol=5e-15)


def test_left_of_zero():
    x = numpy.array(PLACES)
    for name, sign in (("i0", 1), ("i1", -1), ("i0e", 1), ("i1e", -1), ("j0", 1), ("j1", -1), ("spherical_j0", 1)):
        numpy.testing.assert_array_equal(getattr(bessel, name)(-x), sign * getattr(bessel, name)(x))
    for name in ("k0", "k1", "k0e", "k1e", "y0", "y1"):
        assert numpy.isnan(getattr(bessel, name)(-x)).all()


def test_at_the_ends():
    ends = numpy.array([0.0, numpy.inf, numpy.nan])
    for name, zero, far in (
        ("i0", 1, numpy.inf), ("i1", 0, numpy.inf), ("i0e", 1, 0), ("i1e", 0, 0), ("k0", numpy.inf, 0), ("k1", numpy.inf, 0),
        ("j0", 1, 0), ("j1", 0, 0), ("y0", -numpy.inf, 0), ("y1", -numpy.inf, 0), ("spherical_j0", 1, 0),
    ):  # fmt: skip
        numpy.testing.assert_array_equal(getattr(bessel, name)(ends), [zero, far, numpy.nan], err_msg=name)


def test_narrow_floats_are_computed_in_float64_and_stay_narrow():
    x = numpy.float32([0.3, 5.5])
    found = bessel.j0(x)
    assert found.dtype == numpy.float32
    numpy.testing.assert_array_equal(found, bessel.j0(x.astype(numpy.float64)).astype(numpy.float32))


# torch 2.13 in float64, at (x, degree): (0.3, 0), (0.3, 1), (0.3, 5), (1, 4), (-1, 3), (1.5, 6)
POLYNOMIALS = {
    "chebyshev_polynomial_t": (1.0, 0.3, 0.9988800000000001, 1.0, -1.0, 161.0),
    "chebyshev_polynomial_u": (1.0, 0.6, 1.01376, 5.0, -4.0, 377.0),
    "chebyshev_polynomial_v": (1.0, -0.4, 0.96416, 1.0, -7.0, 233.0),
    "chebyshev_polynomial_w": (1.0, 1.6, 1.06336, 9.0, -1.0, 521.0),
    "hermite_polynomial_h": (1.0, 0.6, 31.757759999999998, -20.0, 4.0, -201.0),
    "hermite_polynomial_he": (1.0, 0.3, 4.23243, -2.0, 2.0, 21.703125),
    "laguerre_polynomial_l": (1.0, 0.7, -0.09333274999999984, -0.625, 5.666666666666667, 0.42519531250000003),
    "legendre_polynomial_p": (1.0, 0.3, 0.34538625, 1.0, -1.0, 79.2373046875),
    "shifted_chebyshev_polynomial_t": (1.0, -0.4, -0.8838399999999998, 1.0, -99.0, 1351.0),
    "shifted_chebyshev_polynomial_u": (1.0, -0.8, -0.67968, 5.0, -204.0, 2911.0),
    "shifted_chebyshev_polynomial_v": (1.0, -1.8, -0.16927999999999985, 1.0, -239.0, 2131.0),
    "shifted_chebyshev_polynomial_w": (1.0, 0.19999999999999996, -1.1900799999999998, 9.0, -169.0, 3691.0),
}


@pytest.mark.parametrize("name", POLYNOMIALS)
def test_polynomials(name):
    x, degree = numpy.array([0.3, 0.3, 0.3, 1.0, -1.0, 1.5]), numpy.array([0, 1, 5, 4, 3, 6])
    numpy.testing.assert_allclose(bessel.polynomial(name, x, degree), POLYNOMIALS[name], rtol=1e-13)
    assert bessel.polynomial(name, x[:1], numpy.array([-2])).tolist() == [0.0]
    assert bessel.polynomial(name, x[:0], numpy.array([], int)).shape == (0,)
