"""Random tensors, and ops that draw: dropout. Every draw is counted, so that a replay draws the same."""

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy

from pynn import _core
from pynn._core import Tensor, call, call_inplace
from pynn._device import DeviceLike, check_device
from pynn._dtypes import DTYPES, INT64, default_float, plain, to_numpy
from pynn._dtypes import dtype as Dtype
from pynn._layout import layout as Layout
from pynn._layout import memory_format as MemoryFormat
from pynn._random import Generator
from pynn.ops.creation import finish, shape_of
from pynn.ops.devices import beside, beside_input
from pynn.ops.memory_order import Order, copied, order_like
from pynn.ops.registry import Effects, Sample, export, register, register_inplace, run
from pynn.ops.samples import unary_samples

_SHAPES = ((3, 4), (), (0, 3), (37,))


def _words(np_dtype: Any) -> Any:
    return 2 if numpy.dtype(np_dtype) == numpy.float64 else 1


def _creator(name: str, draw: Any, count: Any, samples: Any, attrs: Any) -> Any:
    return register(
        name,
        differentiable=False,
        effects=Effects(random=count),
        shape=lambda shape, *rest: shape,
        dtype=None,
        attrs=attrs,
        samples=samples,
    )(draw)


RAND = _creator(
    "rand",
    lambda xp, shape, dtype, place: xp.uniform(place[0], place[1], shape, dtype),
    lambda arrays, attrs: prod(attrs[0]) * _words(attrs[1]),
    lambda rng: [Sample((), (s, numpy.dtype(d), None)) for d in ("float32", "float64") for s in _SHAPES],
    ("size", "dtype", "generator"),
)
RANDN = _creator(
    "randn",
    lambda xp, shape, dtype, place: xp.normal(place[0], place[1], shape, dtype),
    lambda arrays, attrs: prod(attrs[0]) * 2,
    lambda rng: [Sample((), (s, numpy.dtype(d), None)) for d in ("float32", "float64") for s in _SHAPES],
    ("size", "dtype", "generator"),
)
RANDINT = _creator(
    "randint",
    lambda xp, shape, low, high, dtype, place: xp.randint(place[0], place[1], shape, low, high, dtype),
    lambda arrays, attrs: prod(attrs[0]) * 2,
    lambda rng: (
        [Sample((), (s, -2, 7, INT64, None)) for s in _SHAPES]
        + [Sample((), ((9,), -(2**63), 2**63 - 1, INT64, None)), Sample((), ((9,), 0, 9, numpy.dtype("int32"), None))]
    ),
    ("size", "low", "high", "dtype", "generator"),
)
RANDPERM = _creator(
    "randperm",
    lambda xp, shape, dtype, place: xp.argsort(xp.philox(place[0], place[1], shape[0]), kind="stable").astype(
        dtype
    ),
    lambda arrays, attrs: attrs[0][0],
    lambda rng: [Sample((), ((n,), INT64, None)) for n in (9, 0, 1, 3000)],
    ("size", "dtype", "generator"),
)


def _dropout(xp: Any, x: Any, p: Any, place: Any) -> Any:
    """Each element zeroed with probability p, the others scaled by 1 / (1 - p)."""
    if p == 1.0:
        return xp.zeros_like(x)
    kept = xp.uniform(place[0], place[1], x.shape, numpy.float32) >= numpy.float32(p)
    return x * (kept * x.dtype.type(1.0 / (1.0 - p)))


def _dropout_vjp(xp: Any, g: Any, out: Any, x: Any, p: Any, place: Any) -> Any:
    return run(xp, DROPOUT_AGAIN, (g,), (p, place))


def _probabilities(*place: Any) -> Any:
    def samples(rng: Any) -> Any:
        kinds = unary_samples()(rng)
        return [Sample(s.inputs, (p, *place), s.grad) for s in kinds for p in (0.3, 0.0, 1.0)]

    return samples


# The numbers are drawn again for the gradient, from the place that the node keeps: no mask takes memory.
DROPOUT = register(
    "dropout",
    vjp=(_dropout_vjp,),
    effects=Effects(random=lambda arrays, attrs: arrays[0].size),
    shape=lambda x, p, place: x,
    dtype="same",
    attrs=("p", "generator"),
    samples=_probabilities(None),
)(_dropout)
DROPOUT_AGAIN = register(
    "dropout_again",
    vjp=(_dropout_vjp,),
    shape=lambda x, p, place: x,
    dtype="same",
    attrs=("p", "place"),
    samples=_probabilities((7, 3)),
)(_dropout)


def _filler(name: str, draw: Any, count: Any, attrs: Any, sample: Any) -> Any:
    op = register(
        name,
        exact=True,
        vjp=(lambda xp, g, out, x, *rest: xp.zeros_like(g),),
        effects=Effects(random=count),
        shape=lambda x, *rest: x,
        dtype="same",
        attrs=attrs,
        samples=lambda rng: [
            Sample((x,), sample, grad=False)
            for x in (numpy.zeros((3, 4)), numpy.zeros((5, 3)).T, numpy.zeros((9, 7))[::2, ::-3], numpy.zeros(0))
        ],
    )(draw)
    filled = register_inplace(op)
    filled.check = None
    return filled


UNIFORM_ = _filler(
    "uniform",
    lambda xp, x, low, high, place: (
        low + (high - low) * plain(xp.uniform(place[0], place[1], x.shape, x.dtype))
    ).astype(x.dtype),
    lambda arrays, attrs: arrays[0].size * _words(arrays[0].dtype),
    ("from", "to", "generator"),
    (-1.0, 2.0, None),
)
NORMAL_ = _filler(
    "normal",
    lambda xp, x, mean, std, place: (mean + std * plain(xp.normal(place[0], place[1], x.shape, x.dtype))).astype(
        x.dtype
    ),
    lambda arrays, attrs: arrays[0].size * 2,
    ("mean", "std", "generator"),
    (1.0, 0.5, None),
)
BERNOULLI_ = _filler(
    "bernoulli",
    lambda xp, x, p, place: (xp.uniform(place[0], place[1], x.shape, numpy.float32) < p).astype(x.dtype),
    lambda arrays, attrs: arrays[0].size,
    ("p", "generator"),
    (0.3, None),
)


def _dtype(dtype: Any) -> Any:
    found = default_float() if dtype is None else to_numpy(dtype)
    if found.kind not in "fV":
        raise NotImplementedError(f"random numbers of this kind are floats: not implemented for {dtype}. Use randint.")
    return found


def _drawn(op: Any, attrs: tuple[Any, ...], device: Any, requires_grad: bool) -> Tensor:
    """A tensor of random numbers, drawn on the device where it is to lie."""
    if device is None:
        return finish(call(op, (), attrs), None, requires_grad)
    with check_device(device):
        return finish(call(op, (), attrs), None, requires_grad)


def _publish(name: str, op: Any, numbers: str) -> Callable[..., Tensor]:
    def function(
        *size_: Any,
        size: Any = None,
        generator: Any = None,
        dtype: Any = None,
        device: Any = None,
        requires_grad: bool = False,
        layout: Layout | None = None,
        pin_memory: bool = False,
    ) -> Tensor:
        return _drawn(op, (shape_of(size_ if size is None else (size,)), _dtype(dtype), generator), device, requires_grad)

    function.__name__ = name
    function.__doc__ = f"{numbers} of a shape; NotImplementedError for a dtype that is none of floats."
    return export(name, method=False)(function)


rand = _publish("rand", RAND, "Uniform numbers in [0, 1)")
randn = _publish("randn", RANDN, "Standard normal numbers")


@export(method=False)
def randint(
    low: int = 0,
    high: int | None = None,
    size: Sequence[int] | None = None,
    *,
    generator: Generator | None = None,
    dtype: Dtype | None = None,
    device: DeviceLike | None = None,
    requires_grad: bool = False,
    layout: Layout | None = None,
    pin_memory: bool = False,
) -> Tensor:
    """Integers in [low, high) (from 0 when one bound is given) of a shape; int64 unless dtype says otherwise."""
    if isinstance(high, (tuple, list)):
        high, size = None, high
    if size is None:
        raise TypeError("randint() is missing its size: randint(high, (2, 3)) or randint(low, high, (2, 3)).")
    if high is None:
        low, high = 0, low
    if high <= low:
        raise RuntimeError(f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}.")
    np_dtype = INT64 if dtype is None else to_numpy(dtype)
    return _drawn(RANDINT, (shape_of((size,)), int(low), int(high), np_dtype, generator), device, requires_grad)


@export(method=False)
def randperm(
    n: int,
    *,
    generator: Generator | None = None,
    dtype: Dtype | None = None,
    device: DeviceLike | None = None,
    requires_grad: bool = False,
    layout: Layout | None = None,
    pin_memory: bool = False,
) -> Tensor:
    """The integers 0..n-1 in random order."""
    if n < 0:
        raise RuntimeError(f"n must be non-negative, got {n}.")
    return _drawn(RANDPERM, ((int(n),), INT64 if dtype is None else to_numpy(dtype), generator), device, requires_grad)


def _laid_out(made: Tensor, order: Order) -> Tensor:
    return made if order is None else copied(made, order)


def _publish_like(name: str, make: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def function(
        input: Tensor,
        *,
        generator: Generator | None = None,
        dtype: Dtype | None = None,
        device: DeviceLike | None = None,
        requires_grad: bool = False,
        layout: Layout | None = None,
        memory_format: MemoryFormat | None = None,
        pin_memory: bool = False,
    ) -> Tensor:
        made = make(input._array.shape, generator=generator, dtype=dtype or input.dtype, device=beside(input, device))
        return finish(_laid_out(made, order_like(name, memory_format, input._array)), requires_grad=requires_grad)

    function.__name__ = name
    function.__doc__ = f"`{name[:-5]}` of input's shape and dtype."
    return export(name, method=False)(function)


rand_like = _publish_like("rand_like", rand)
randn_like = _publish_like("randn_like", randn)


@export(method=False)
def randint_like(
    input: Tensor,
    low: int = 0,
    high: int | None = None,
    *,
    generator: Generator | None = None,
    dtype: Dtype | None = None,
    device: DeviceLike | None = None,
    requires_grad: bool = False,
    layout: Layout | None = None,
    memory_format: MemoryFormat | None = None,
    pin_memory: bool = False,
) -> Tensor:
    """`randint` of input's shape and dtype."""
    first: Any
    first, last = (x.item() if isinstance(x, Tensor) else x for x in (low, high))
    made = randint(first, last, input._array.shape, generator=generator, dtype=dtype or input.dtype, device=beside(input, device))
    return finish(_laid_out(made, order_like("randint_like", memory_format, input._array)), requires_grad=requires_grad)


def _check_chance(p: Any) -> None:
    array = plain(p)
    if not ((array >= 0) & (array <= 1)).all():
        raise RuntimeError(
            f"Expected p_in >= 0 && p_in <= 1: bernoulli takes probabilities, got {array.reshape(-1)[:8].tolist()}."
        )


@export()
@beside_input
def bernoulli(input: Tensor, p: Tensor | float | None = None, *, generator: Generator | None = None) -> Tensor:
    """1 with the probability that each element gives (or with probability p for all), else 0; input's dtype."""
    if p is None:
        _check_chance(_core.observe(input))
    else:
        _check_chance(_core.observe(p) if isinstance(p, Tensor) else numpy.asarray(p))
    drawn = rand(input._array.shape, generator=generator)
    return (drawn < (input if p is None else p)).to(input.dtype)


def _require_float(x: Any, name: str) -> None:
    if x._array.dtype.kind not in "fV":
        raise NotImplementedError(f'"{name}" not implemented for {x._array.dtype}. Use a floating point tensor.')


@export(function=False)
def uniform_(
    self: Any, to_from: float = 0, to: float = 1, *, generator: Generator | None = None, **bounds: Any
) -> Tensor:
    """Fill with uniform numbers in [from, to)."""
    low = bounds.get("from", to_from)
    _require_float(self, "uniform_")
    if low > to:
        raise RuntimeError(f"uniform_ expects to return a [from, to) range, but found from={low} > to={to}.")
    return call_inplace(UNIFORM_, (self,), (float(low), float(to), generator))


@export(function=False)
def normal_(self: Any, mean: float = 0, std: float = 1, *, generator: Generator | None = None) -> Tensor:
    """Fill with normal numbers."""
    _require_float(self, "normal_")
    if std < 0:
        raise RuntimeError(f"normal expects std >= 0.0, but found std {std}.")
    return call_inplace(NORMAL_, (self,), (float(mean), float(std), generator))


@export(function=False)
@beside_input
def bernoulli_(self: Any, p: Tensor | float = 0.5, *, generator: Generator | None = None) -> Tensor:
    """Fill with 1 with probability p (a number, or a tensor of one a element), else 0."""
    if isinstance(p, Tensor):
        _check_chance(_core.observe(p))
        drawn = rand(self._array.shape, generator=generator)
        result: Tensor = _core.METHODS["copy_"](self, drawn < p)
        return result
    _check_chance(numpy.asarray(p))
    return call_inplace(BERNOULLI_, (self,), (float(p), generator))


@export()
@beside_input
def multinomial(
    input: Tensor, num_samples: int, replacement: bool = False, *, generator: Generator | None = None
) -> Tensor:
    """Indices drawn with the weights in input's rows (any scale): shape (rows, num_samples)."""
    if input._array.dtype.kind not in "fV":
        raise RuntimeError(f"multinomial only supports floating-point dtypes for input, got: {input._array.dtype}.")
    if input._array.ndim not in (1, 2):
        raise RuntimeError(f"prob_dist must be 1 or 2 dim, got shape {list(input._array.shape)}.")
    if num_samples <= 0:
        raise RuntimeError(f"cannot sample n_sample <= 0 samples, got {num_samples}.")
    weights = _core.observe(input).astype(numpy.float64)
    rows = weights if weights.ndim == 2 else weights[None]
    if not replacement and num_samples > rows.shape[1]:
        raise RuntimeError(
            f"cannot sample n_sample > prob_dist.size(-1) samples without replacement: {num_samples} of {rows.shape[1]}."
        )
    if (rows < 0).any() or not numpy.isfinite(rows).all() or (rows.sum(1) <= 0).any():
        raise RuntimeError("probability tensor contains either `inf`, `nan` or element < 0, or a row that sums to 0.")
    if replacement:
        u = _core.observe(rand(rows.shape[0], num_samples, generator=generator, dtype=DTYPES["float64"]))
        drawn = numpy.empty(u.shape, INT64)
        for row, edges, v in zip(drawn, numpy.cumsum(rows, axis=1), u):
            row[...] = numpy.searchsorted(edges, v * edges[-1], side="right")
    else:  # the largest of weight-scaled exponential races (Efraimidis and Spirakis, 2006)
        u = _core.observe(rand(rows.shape, generator=generator, dtype=DTYPES["float64"]))
        with numpy.errstate(divide="ignore"):
            keys = numpy.where(rows > 0, numpy.log1p(-u) / rows, -numpy.inf)
        drawn = numpy.argsort(-keys, axis=1, kind="stable")[:, :num_samples]
    shape = (num_samples,) if weights.ndim == 1 else (rows.shape[0], num_samples)
    return _core.made(drawn.astype(INT64).reshape(shape))
