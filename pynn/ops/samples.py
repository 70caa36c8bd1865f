"""Trial inputs that records of one kind share: see `registry.Sample`."""

import math
from typing import Any

import numpy

from pynn.ops.registry import Sample


def unary_samples(low: float = -3.0, high: float = 3.0, extreme: bool = True, away: Any = ()) -> Any:
    """Trial inputs of a one-input op: matrix, scalar, empty, odd length, non-contiguous, extreme values.

    away: points near which the op has no gradient; inputs keep 0.05 from them.
    """

    def samples(rng: Any) -> Any:
        def draw(*shape: Any) -> Any:
            x = rng.uniform(low, high, shape)
            for point in away:
                x = numpy.where(numpy.abs(x - point) < 0.05, point + 0.1, x)
            return x

        out = [Sample((draw(*s),)) for s in ((3, 5), (), (0, 3), (37,))]
        out.append(Sample((draw(6, 4).T,)))
        out.append(Sample((draw(9, 7)[::2, ::-3],)))
        if extreme:
            values = [0.0, -0.0, 1e-30, -1e-30, 1e30, -1e30, 88.0, -88.0, 100.0, -100.0, math.inf, -math.inf, math.nan]
            out.append(Sample((numpy.array(values),), grad=False))
        return out

    return samples


def binary_samples(low: float = -3.0, high: float = 3.0, away_from_zero: bool = False, scalar: bool = True) -> Any:
    """Trial inputs of a two-input op: equal shapes, broadcasts, a Python number, empty, non-contiguous."""

    def samples(rng: Any) -> Any:
        def draw(*shape: Any) -> Any:
            x = rng.uniform(low, high, shape)
            return numpy.where(numpy.abs(x) < 0.2, 0.5, x) if away_from_zero else x

        shapes = [
            ((3, 5), (3, 5)),
            ((4, 1, 3), (2, 1)),
            ((5,), (3, 5)),
            ((2, 3), ()),
            ((), ()),
            ((0, 3), (3,)),
            ((33,), (33,)),
        ]
        out = [Sample((draw(*a), draw(*b))) for a, b in shapes]
        out.append(Sample((draw(5, 4).T, draw(4, 5))))
        out.append(Sample((draw(2, 6)[:, ::2], draw(3, 2).T)))
        if scalar:
            out.append(Sample((draw(2, 3), 1.5)))
            out.append(Sample((0.75, draw(2, 3))))
        return out

    return samples
