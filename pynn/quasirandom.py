"""Sobol sequences: points that fill the unit cube more evenly than random ones.

Direction numbers: S. Joe and F. Y. Kuo, "Constructing Sobol sequences with better two-dimensional projections" (2008).
Order of the points: I. A. Antonov and V. M. Saleev, by Gray code (1979). Scrambling: a random lower triangular matrix of bits
and a random shift (J. Matousek, 1998).
"""

from typing import Any

import numpy

from pynn._core import Tensor, made
from pynn._dtypes import default_float, dtype, to_numpy
from pynn._random import Generator

__all__ = ["SobolEngine"]

# The degree, the inner coefficients and the first direction numbers of each dimension after the first.
_TABLE = (
    (1, 0, (1,)),
    (2, 1, (1, 3)),
    (3, 1, (1, 3, 1)),
    (3, 2, (1, 1, 1)),
    (4, 1, (1, 1, 3, 3)),
    (4, 4, (1, 3, 5, 13)),
    (5, 2, (1, 1, 5, 5, 17)),
    (5, 4, (1, 1, 5, 5, 5)),
    (5, 7, (1, 1, 7, 11, 19)),
    (5, 11, (1, 1, 5, 1, 1)),
    (5, 13, (1, 1, 1, 3, 11)),
    (5, 14, (1, 3, 5, 5, 31)),
    (6, 1, (1, 3, 3, 9, 7, 49)),
    (6, 13, (1, 1, 1, 15, 21, 21)),
    (6, 16, (1, 3, 1, 13, 27, 49)),
    (6, 19, (1, 1, 1, 15, 7, 5)),
    (6, 22, (1, 3, 1, 15, 13, 25)),
    (6, 25, (1, 1, 5, 5, 19, 61)),
    (7, 1, (1, 3, 7, 11, 23, 15, 103)),
    (7, 4, (1, 3, 7, 13, 13, 15, 69)),
)


def _directions(dimension: int, bits: int) -> numpy.ndarray:
    """(dimension, bits) direction numbers as integers of that many bits, the first with the highest bit alone."""
    out = numpy.empty((dimension, bits), numpy.int64)
    out[0] = [1 << (bits - 1 - i) for i in range(bits)]
    for d, (degree, inner, first) in enumerate(_TABLE[: dimension - 1], 1):
        row = [m << (bits - 1 - i) for i, m in enumerate(first[:bits])]
        for i in range(len(row), bits):
            value = row[i - degree] ^ (row[i - degree] >> degree)
            for k in range(1, degree):
                if inner >> (degree - 1 - k) & 1:
                    value ^= row[i - k]
            row.append(value)
        out[d] = row
    return out


class SobolEngine:
    """Draws points of a Sobol sequence in [0, 1), the same as torch's where it does not scramble.

    dimension: of the points, from 1 to MAXDIM. scramble: shuffle the sequence at random, by seed (an int) or by
    `pynn.manual_seed`'s generator; it stays as even. Scrambled points are pynn's own.
    Raises ValueError for other dimensions.
    """

    MAXBIT = 30
    MAXDIM = len(_TABLE) + 1

    def __init__(self, dimension: int, scramble: bool = False, seed: int | None = None) -> None:
        if not 1 <= dimension <= self.MAXDIM:
            raise ValueError(
                f"Supported range of dimensionality for SobolEngine is [1, {self.MAXDIM}], got {dimension}. (torch's goes to "
                "21201; scipy.stats.qmc.Sobol has as many.)"
            )
        self.dimension, self.scramble, self.seed = dimension, scramble, seed
        self._directions = _directions(dimension, self.MAXBIT)
        self._shift = numpy.zeros(dimension, numpy.int64)
        if scramble:
            self._scramble()
        self.num_generated = 0
        self._state = self._shift.copy()

    def _scramble(self) -> None:
        from pynn.ops.random import randint

        generator = None
        if self.seed is not None:
            generator = Generator()
            generator.manual_seed(self.seed)
        bits = self.MAXBIT
        shifts = randint(0, 1 << bits, (self.dimension,), generator=generator)
        self._shift = numpy.array(shifts.tolist(), numpy.int64)
        picks = randint(0, 2, (self.dimension, bits, bits), generator=generator)
        lower = numpy.tril(numpy.array(picks.tolist(), numpy.int64), -1) | numpy.eye(bits, dtype=numpy.int64)
        places = numpy.arange(bits - 1, -1, -1)
        digits = self._directions[:, :, None] >> places & 1  # (dimension, number, bit), the highest bit first
        mixed = numpy.einsum("dij,dnj->dni", lower, digits) & 1
        self._directions = (mixed << places).sum(-1)

    def _advance(self) -> None:
        """Go to the next point: by the number of the lowest zero bit of how many there were."""
        zero = (~self.num_generated & (self.num_generated + 1)).bit_length() - 1
        if zero >= self.MAXBIT:
            raise RuntimeError(f"the sequence has no more than 2**{self.MAXBIT} points.")
        self._state = self._state ^ self._directions[:, zero]
        self.num_generated += 1

    def draw(self, n: int = 1, out: Tensor | None = None, dtype: dtype | None = None) -> Tensor:
        """The next n points, (n, dimension), in a float dtype, the default one unless given; into out where given."""
        if n < 0:
            raise ValueError(f"the number of points must not be negative, got {n}.")
        points = numpy.empty((n, self.dimension), numpy.int64)
        for i in range(n):
            points[i] = self._state
            self._advance()
        kind = default_float() if dtype is None else to_numpy(dtype)
        values = (points * 2.0**-self.MAXBIT).astype(kind)
        result = made(numpy.minimum(values, numpy.nextafter(kind.type(1), kind.type(0))))  # rounding must not reach 1
        if out is None:
            return result
        return out.resize_(n, self.dimension).copy_(result)

    def draw_base2(self, m: int, out: Tensor | None = None, dtype: "dtype | None" = None) -> Tensor:
        """The next 2**m points; ValueError where the points drawn would then be no power of two in all."""
        n = 1 << m
        total = self.num_generated + n
        if total & (total - 1):
            raise ValueError(
                f"The balance properties of Sobol' points require n to be a power of 2. {self.num_generated} points have been "
                f"previously generated, then: n={self.num_generated}+2**{m}={total}. If you still want to do this, please "
                "use 'SobolEngine.draw()' instead."
            )
        return self.draw(n, out=out, dtype=dtype)

    def reset(self) -> "SobolEngine":
        """Begin the sequence anew; returns the engine."""
        self.num_generated = 0
        self._state = self._shift.copy()
        return self

    def fast_forward(self, n: int) -> "SobolEngine":
        """Leave n points out; returns the engine."""
        for _ in range(n):
            self._advance()
        return self

    def __repr__(self) -> str:
        parts: list[Any] = [f"dimension={self.dimension}"]
        if self.scramble:
            parts.append("scramble=True")
        if self.seed is not None:
            parts.append(f"seed={self.seed}")
        return f"SobolEngine({', '.join(parts)})"
