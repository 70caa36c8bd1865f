"""Recurrent layers over whole sequences, and cells."""

from typing import Any

from pynn.bench.row import Side, row

GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}


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

    @row(name, flops=2 * macs * (3 if train else 1))
    def sequence(side: Side) -> Any:
        layer = side.fill(getattr(side.nn, kind)(features, hidden, layers, bidirectional=bidirectional))
        x, g = side.randn(steps, batch, features), side.randn(steps, batch, hidden * directions)

        def step() -> Any:
            layer.zero_grad()
            layer(x)[0].backward(g)
            return layer.weight_hh_l0.grad

        def inference() -> Any:
            with side.lib.no_grad():
                return layer(x)[0]

        return step if train else inference


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
def packed(side: Side) -> Any:
    layer = side.fill(side.nn.LSTM(64, 128))
    x, lengths = side.randn(60, 32, 64), side.randint(50, 32) + 10
    pack = side.nn.utils.rnn.pack_padded_sequence

    def step() -> Any:
        layer.zero_grad()
        layer(pack(x, lengths, enforce_sorted=False))[0].data.sum().backward()
        return layer.weight_hh_l0.grad

    return step


@row("LSTMCell B1 I16 H32, step", flops=2 * 128 * 48)
def cell(side: Side) -> Any:
    layer, x, state = side.fill(side.nn.LSTMCell(16, 32)), side.randn(1, 16), (side.randn(1, 32), side.randn(1, 32))

    def step() -> Any:
        with side.lib.no_grad():
            return layer(x, state)[0]

    return step
