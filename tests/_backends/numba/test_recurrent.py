"""Recurrent layers beyond the samples: batches around a tile's rows, widths around a tile's, several lengths."""

import numpy
import pytest

from pynn._backends import namespace as xp
from pynn.ops import recurrent as records

pytest.importorskip("numba", exc_type=ImportError)

from pynn._backends.numba import recurrent

KINDS = {
    "rnn": (1, recurrent.rnn, recurrent.rnn_backward, records._rnn, records._rnn_vjp),
    "lstm": (4, recurrent.lstm, recurrent.lstm_backward, records._lstm, records._lstm_vjp),
    "gru": (3, recurrent.gru, recurrent.gru_backward, records._gru, records._gru_vjp),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("batch", [1, 2, 7, 8, 19, (19, 12, 8, 3, 1)])
@pytest.mark.parametrize("reverse", [False, True])
def test_values_and_gradients(kind, batch, reverse):
    gates, forward, backward, reference, vjp = KINDS[kind]
    rng = numpy.random.default_rng(0)
    sizes, features, hidden = (batch, 6, 11) if isinstance(batch, tuple) else (None, 9, 33)
    first = batch[0] if sizes else batch
    x = rng.normal(size=(sum(sizes), features) if sizes else (5, batch, features)).astype("f4")
    states = [rng.normal(size=(first, hidden)).astype("f4") for _ in range(2 if kind == "lstm" else 1)]
    weights = [0.3 * rng.normal(size=s).astype("f4") for s in ((gates * hidden, features), (gates * hidden, hidden))]
    biases = [rng.normal(size=gates * hidden).astype("f4") for _ in range(2)]
    inputs = (x, *states, *weights, *biases, *([None] if kind == "lstm" else []))
    attrs = ("relu", reverse, sizes) if kind == "rnn" else (reverse, sizes, True)
    found, expected = forward(*inputs, *attrs), reference(xp, *inputs, *attrs)
    for a, b in zip(found, expected, strict=True):
        numpy.testing.assert_allclose(a, b, rtol=1e-4, atol=2e-5)
    outs, needs = tuple(expected), (1 << len(inputs)) - 1 - (128 if kind == "lstm" else 0)
    for count in (1, len(outs)):  # of y alone, as a layer's user has it, then of all
        grads = [rng.normal(size=o.shape).astype("f4") if i < count else None for i, o in enumerate(outs)]
        got = backward(grads, (outs, *inputs), attrs, needs)
        wanted = vjp(xp, needs, grads, outs, *inputs, *attrs)
        for a, b in zip(got, wanted, strict=True):
            assert (a is None) == (b is None)
            if a is not None:
                numpy.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4 * max(1, numpy.abs(b).max()))
