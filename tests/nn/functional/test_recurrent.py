"""rnn, lstm and gru over sequences: as torch's own layers, in every configuration."""

import numpy
import pytest

import pynn
from pynn.nn.functional.recurrent import run_layer

RNG = numpy.random.default_rng(11)
T, N, I, H, P = 4, 2, 3, 5, 2
MODES = {"rnn_tanh": 1, "rnn_relu": 1, "gru": 3, "lstm": 4}


def draw(*shape):
    return RNG.normal(size=shape) * 0.6


def weights(mode, layers, directions, bias, projected=False):
    size = P if projected else H
    out = []
    for layer in range(layers):
        for _ in range(directions):
            rows = MODES[mode] * H
            out += [draw(rows, I if layer == 0 else size * directions), draw(rows, size)]
            out += [draw(rows), draw(rows)] if bias else []
            out += [draw(size, H)] if projected else []
    return out


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("layers", "directions", "bias", "batch_first"),
    [(1, 1, True, False), (2, 1, False, True), (1, 2, True, False), (2, 2, True, True)],
)
def test_layers(same_as_torch, mode, layers, directions, bias, batch_first):
    x = draw(N, T, I) if batch_first else draw(T, N, I)
    states = [draw(layers * directions, N, H) for _ in range(2 if mode == "lstm" else 1)]

    def run(t, x, states, *params):
        hx = tuple(states) if mode == "lstm" else states[0]
        return getattr(t, mode)(x, hx, list(params), bias, layers, 0.0, True, directions == 2, batch_first)

    same_as_torch(run, x, states, *weights(mode, layers, directions, bias))


def test_projection(same_as_torch):
    def run(t, x, h, c, *params):
        return t.lstm(x, (h, c), list(params), True, 2, 0.0, False, True, False)

    same_as_torch(run, draw(T, N, I), draw(4, N, P), draw(4, N, H), *weights("lstm", 2, 2, True, projected=True))


@pytest.mark.parametrize("mode", MODES)
def test_cells(same_as_torch, mode):
    rows = MODES[mode] * H
    params = draw(rows, I), draw(rows, H), draw(rows), draw(rows)
    if mode == "lstm":
        same_as_torch(lambda t, x, h, c, *p: t.lstm_cell(x, (h, c), *p), draw(N, I), draw(N, H), draw(N, H), *params)
    else:
        same_as_torch(lambda t, x, h, *p: getattr(t, mode + "_cell")(x, h, *p), draw(N, I), draw(N, H), *params)


@pytest.mark.parametrize("mode", ["RNN_TANH", "LSTM", "GRU"])
@pytest.mark.parametrize("reverse", [False, True])
def test_gradients(gradients, mode, reverse):
    gates = {"RNN_TANH": 1, "LSTM": 4, "GRU": 3}[mode]
    state = [draw(1, 2) for _ in range(2 if mode == "LSTM" else 1)]

    def run(x, w_ih, w_hh, b_ih, b_hh, *state):
        y, last = run_layer(mode, x, state, (w_ih, w_hh, b_ih, b_hh, None), reverse)
        return y.sum(0) + last[-1] * 0.5

    gradients(run, draw(2, 1, 2), draw(gates * 2, 2), draw(gates * 2, 2), draw(gates * 2), draw(gates * 2), *state)


def test_only_the_last_state_is_used(same_as_torch):
    def run(t, x, h, c, *params):
        return t.lstm(x, (h, c), list(params), True, 1, 0.0, False, False, False)[2]

    same_as_torch(run, draw(T, N, I), draw(1, N, H), draw(1, N, H), *weights("lstm", 1, 1, True))


def test_dropout_between_layers():
    params = [pynn.tensor(w) for w in weights("gru", 2, 1, True)]
    args = (pynn.tensor(draw(T, N, I)), pynn.zeros(2, N, H).double(), params, True, 2)
    pynn.manual_seed(0)
    dropped, _ = pynn.gru(*args, 0.5, True, False, False)
    kept, _ = pynn.gru(*args, 0.5, False, False, False)
    plain, _ = pynn.gru(*args, 0.0, True, False, False)
    assert pynn.equal(kept, plain)
    assert not pynn.equal(dropped, plain)


def test_errors(same_error):
    w_ih, w_hh = draw(4 * H, I), draw(4 * H, H)

    def run(t, x, h, c, *params):
        return t.lstm(x, (h, c), list(params), False, 1, 0.0, False, False, False)

    good = draw(T, N, I), draw(1, N, H), draw(1, N, H)
    text = same_error(RuntimeError, run, draw(T, N, I + 1), *good[1:], w_ih, w_hh)
    assert f"Expected {I}, got {I + 1}" in text
    same_error(RuntimeError, run, good[0], draw(1, N + 1, H), draw(1, N + 1, H), w_ih, w_hh)
    same_error(RuntimeError, run, good[0].astype("float32"), *good[1:], w_ih, w_hh)
