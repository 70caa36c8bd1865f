"""Recurrent layers as functions, with the signatures that torch publishes as torch.lstm, torch.gru and so on.

Weights are torch's: for each layer and direction w_ih (gates * H, features), w_hh (gates * H, H), b_ih and b_hh
(gates * H), and for a projected lstm w_hr (P, H).
"""

from typing import Any

from pynn._core import Tensor, call, is_grad_enabled
from pynn.nn.functional.dropout import dropout as drop
from pynn.ops.joining import cat, stack
from pynn.ops.recurrent import GRU, LSTM, RNN
from pynn.ops.registry import export

__all__ = ["run_layer"]


def run_layer(mode: Any, input: Tensor, state: Any, weights: Any, reverse: Any, sizes: Any = None) -> Any:
    """One layer in one direction over a whole sequence, as one op.

    mode: "RNN_TANH", "RNN_RELU", "LSTM" or "GRU". input (T, N, features); state (h,), or (h, c) for LSTM, each
    (N, size); weights (w_ih, w_hh, b_ih, b_hh, w_hr), the last three None where missing.
    sizes: None, or for sequences of several lengths, longest first, how many reach each step; input is then (all
    steps, features), step by step, as torch's PackedSequence has it.
    Returns the outputs (T, N, size), or (all steps, size), and the last state, as a tuple like the given one. Raises
    RuntimeError for sizes and dtypes that do not fit.
    """
    reverse = bool(reverse)
    if mode == "LSTM":
        inputs = (input, *state, *weights)
        y, h, c, _ = call(LSTM, inputs, (reverse, sizes, _may_go_back(inputs)))
        return y, (h, c)
    inputs = (input, *state, *weights[:4])
    if mode == "GRU":
        y, h, _ = call(GRU, inputs, (reverse, sizes, _may_go_back(inputs)))
    else:
        y, h = call(RNN, inputs, (mode[4:].lower(), reverse, sizes))
    return y, (h,)


def _may_go_back(inputs: Any) -> Any:
    return is_grad_enabled() and any(x is not None and x.requires_grad for x in inputs)


def _layers(
    mode: Any,
    input: Any,
    states: Any,
    params: Any,
    has_biases: Any,
    num_layers: Any,
    dropout: Any,
    train: Any,
    bidirectional: Any,
    batch_first: Any,
    *,
    batch_sizes: Any = None,
) -> Any:
    """All layers and directions, of a packed batch where batch_sizes are given; returns the outputs and the last states, each (layers * directions, N, size)."""
    directions = 2 if bidirectional else 1
    each = len(params) // (num_layers * directions)
    projected = each > (4 if has_biases else 2)
    x = input.transpose(0, 1) if batch_first else input
    lengths = None if batch_sizes is None else tuple(batch_sizes.tolist())
    finals = []
    for layer in range(num_layers):
        outputs = []
        for direction in range(directions):
            k = layer * directions + direction
            w_ih, w_hh, *rest = params[k * each : (k + 1) * each]
            b_ih, b_hh = rest[:2] if has_biases else (None, None)
            weights = (w_ih, w_hh, b_ih, b_hh, rest[-1] if projected else None)
            y, final = run_layer(mode, x, tuple(s[k] for s in states), weights, direction == 1, lengths)
            outputs.append(y)
            finals.append(final)
        x = outputs[0] if directions == 1 else cat(outputs, -1)
        if dropout and train and layer < num_layers - 1:
            x = drop(x, dropout, True)
    return x.transpose(0, 1) if batch_first else x, tuple(stack(parts) for parts in zip(*finals))


def _either(mode: Any, packed: bool, input: Any, *given: Any) -> Any:
    """(output, the last states...) for the arguments of either form: a packed batch's sizes come before hx.

    Both have as many arguments: (hx, params, has_biases, num_layers, dropout, train, bidirectional, batch_first), and
    with the sizes first all others one place on and batch_first, which makes no difference there, left out.
    """
    sizes, hx, params, *options = (*given, False) if packed else (None, *given)
    states = tuple(hx) if mode == "LSTM" else (hx,)
    output, final = _layers(mode, input, states, list(params), *options, batch_sizes=sizes)
    return output, *final


@export(method=False)
def lstm(
    input: Tensor,
    hx: Any,
    params: Any,
    has_biases: Any,
    num_layers: int,
    dropout: Any,
    train: Any,
    bidirectional: Any,
    batch_first: Any,
) -> Any:
    """(output, h_n, c_n) of a stack of LSTM layers; input (T, N, features), or (N, T, features) where batch_first.

    Also lstm(data, batch_sizes, hx, params, has_biases, num_layers, dropout, train, bidirectional), which takes what a
    PackedSequence has.
    """
    rest = (num_layers, dropout, train, bidirectional, batch_first)
    return _either("LSTM", isinstance(hx, Tensor), input, hx, params, has_biases, *rest)


def _publish(name: str, mode: Any) -> None:
    def function(
        input: Tensor,
        hx: Any,
        params: Any,
        has_biases: Any,
        num_layers: int,
        dropout: Any,
        train: Any,
        bidirectional: Any,
        batch_first: Any,
    ) -> Any:
        rest = (num_layers, dropout, train, bidirectional, batch_first)
        return _either(mode, isinstance(params, Tensor), input, hx, params, has_biases, *rest)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"(output, h_n) of a stack of {mode} layers; see lstm."
    export(name, method=False)(function)

    def cell(
        input: Tensor, hx: Any, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None = None, b_hh: Tensor | None = None
    ) -> Any:
        return run_layer(mode, input.unsqueeze(0), (hx,), (w_ih, w_hh, b_ih, b_hh, None), False)[1][0]

    cell.__name__ = cell.__qualname__ = name + "_cell"
    cell.__doc__ = f"One step of {mode}: the next hidden state (N, H) of input (N, features) and hx (N, H)."
    export(name + "_cell", method=False)(cell)


_publish("rnn_tanh", "RNN_TANH")
_publish("rnn_relu", "RNN_RELU")
_publish("gru", "GRU")


@export(method=False)
def lstm_cell(
    input: Tensor, hx: Any, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None = None, b_hh: Tensor | None = None
) -> Any:
    """One step of LSTM: the next (h, c), each (N, H), of input (N, features) and hx = (h, c)."""
    return run_layer("LSTM", input.unsqueeze(0), tuple(hx), (w_ih, w_hh, b_ih, b_hh, None), False)[1]
