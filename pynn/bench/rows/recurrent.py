"""Recurrent layers over whole sequences, and cells."""

import functools
from typing import Any

from pynn.bench.row import Step, row
from pynn.bench.side import Jax, Side

GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}


def _jax_cell(lib: Any, kind: str, h: Any, c: Any, inputs: Any, w: Any, b: Any) -> tuple[Any, Any]:
    """The next states of a cell: `inputs` is the input's part of the gates, (w, b) what the state is multiplied by."""
    from_state = h @ w.T + b
    if kind == "RNN":
        return lib.numpy.tanh(inputs + from_state), c
    sigmoid, tanh, split = lib.nn.sigmoid, lib.numpy.tanh, lib.numpy.split
    if kind == "GRU":
        (r, z, n), (hr, hz, hn) = split(inputs, 3, 1), split(from_state, 3, 1)
        z = sigmoid(z + hz)
        return (1 - z) * tanh(n + sigmoid(r + hr) * hn) + z * h, c
    i, f, g, o = split(inputs + from_state, 4, 1)
    c = sigmoid(f) * c + sigmoid(i) * tanh(g)
    return sigmoid(o) * tanh(c), c


def _jax_layers(lib: Any, kind: str, x: Any, *weights: Any) -> Any:
    """The last layer's outputs over a sequence (time, batch, features); weights in torch's order, layer by layer."""
    for w_ih, w_hh, b_ih, b_hh in zip(*(weights[i::4] for i in range(4))):
        start = lib.numpy.zeros((x.shape[1], w_hh.shape[1]), x.dtype)

        def advance(state: Any, inputs: Any, w: Any = w_hh, b: Any = b_hh) -> Any:
            h, c = _jax_cell(lib, kind, state[0], state[1], inputs, w, b)
            return (h, c), h

        x = lib.lax.scan(advance, (start, start), x @ w_ih.T + b_ih)[1]
    return x


def _layer(
    kind: str,
    steps: int,
    batch: int,
    features: int,
    hidden: int,
    layers: int = 1,
    bidirectional: bool = False,
    train: bool = True,
) -> None:
    directions = 2 if bidirectional else 1
    sizes = f"T{steps} B{batch} I{features} H{hidden}" + (f" L{layers}" if layers > 1 else "")
    name = f"{kind} {sizes}{', bidirectional' if bidirectional else ''}, {'train' if train else 'inference'}"
    below = [features] + [hidden * directions] * (layers - 1)
    macs = steps * batch * directions * GATES[kind] * hidden * sum(n + hidden for n in below)

    def jax(side: Jax) -> Step:
        shapes = [(GATES[kind] * hidden, n) for inputs in below for n in (inputs, hidden)]
        weights = []
        for w_ih, w_hh in zip(shapes[::2], shapes[1::2]):
            weights += side.weights(w_ih, w_hh, w_ih[:1], w_hh[:1])
        x, g = side.randn(steps, batch, features), side.randn(steps, batch, hidden)
        apply = functools.partial(_jax_layers, side.lib, kind)
        if train:
            return side.gradients(lambda *weights: apply(x, *weights), weights, g, pick=1)
        return side.forward(apply, x, *weights)

    also = () if train else ("ort",)

    @row(name, flops=2 * macs * (3 if train else 1), also=also, jax=None if bidirectional else jax)
    def sequence(side: Side) -> Step:
        layer = side.model(getattr(side.nn, kind)(features, hidden, layers, bidirectional=bidirectional))
        x, g = side.randn(steps, batch, features), side.randn(steps, batch, hidden * directions)

        def step() -> Any:
            layer.zero_grad()
            layer(x)[0].backward(g)
            return layer.weight_hh_l0.grad

        return step if train else side.forward(lambda x: layer(x)[0], x)


for _kind in GATES:
    _layer(_kind, 100, 32, 64, 128, layers=2)
    _layer(_kind, 100, 32, 64, 128, layers=2, train=False)
    _layer(_kind, 20, 16, 64, 64)
    _layer(_kind, 200, 64, 128, 256)
    _layer(_kind, 50, 32, 128, 128, bidirectional=True)
_layer("LSTM", 50, 7, 20, 20)
_layer("LSTM", 30, 32, 300, 300)
_layer("GRU", 20, 16, 512, 512)
_layer("LSTM", 50, 1, 512, 512, train=False)
_layer("GRU", 50, 1, 50, 50, train=False)


@row("LSTM T60 B32 I64 H128, packed lengths, train", tolerance=1e-3)
def packed(side: Side) -> Step:
    layer = side.model(side.nn.LSTM(64, 128))
    x, lengths = side.randn(60, 32, 64), side.randint(50, 32) + 10
    pack = side.nn.utils.rnn.pack_padded_sequence

    def step() -> Any:
        layer.zero_grad()
        layer(pack(x, lengths, enforce_sorted=False))[0].data.sum().backward()
        return layer.weight_hh_l0.grad

    return step


@row("LSTMCell B1 I16 H32, step", flops=2 * 128 * 48)
def cell(side: Side) -> Step:
    layer, x, state = side.model(side.nn.LSTMCell(16, 32)), side.randn(1, 16), (side.randn(1, 32), side.randn(1, 32))
    return side.forward(lambda x: layer(x, state)[0], x)
