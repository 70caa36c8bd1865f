"""Padding with a constant; a negative amount crops, so that the op is its own gradient's form."""

from pynn.ops.registry import Sample, register, run


def _pad(xp, x, pads, value):
    out = xp.full(tuple(n + a + b for n, (a, b) in zip(x.shape, pads)), value, dtype=x.dtype)
    here = tuple(slice(max(a, 0), max(a, 0) + n + min(a, 0) + min(b, 0)) for n, (a, b) in zip(x.shape, pads))
    out[here] = x[tuple(slice(max(-a, 0), n + min(b, 0)) for n, (a, b) in zip(x.shape, pads))]
    return out


def _pad_vjp(xp, g, out, x, pads, value):
    return run(xp, PAD, (g,), (tuple((-a, -b) for a, b in pads), 0))


def _flat(pads):
    """Pairs by dimension as torch's list: the last dimension first."""
    return [n for pair in reversed(pads) for n in pair]


PAD = register(
    "pad",
    exact=True,
    vjp=(_pad_vjp,),
    check=lambda inputs, attrs: inputs,
    shape=lambda x, pads, value: tuple(n + a + b for n, (a, b) in zip(x, pads)),
    dtype="same",
    attrs=("pads", "value"),
    samples=lambda rng: [
        Sample((rng.normal(size=(2, 3, 4)),), attrs)
        for attrs in (
            (((0, 0), (1, 2), (0, 1)), 0.0),
            (((0, 0), (-1, 2), (3, -2)), 1.5),
            (((1, 1), (0, 0), (-1, -1)), 0.0),
        )
    ],
    torch=lambda t, x, pads, value: t.nn.functional.pad(x, _flat(pads), value=value),
)(_pad)
