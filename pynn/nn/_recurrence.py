"""Recurrent steps, composed of operations: what the cells compute, and layers over packed sequences.

Elman, Cognitive Science 14 (1990); LSTM: Hochreiter and Schmidhuber, Neural Computation 9 (1997), with forget
gates; GRU: arXiv:1406.1078, with the reset gate applied after the recurrent product, as torch and cuDNN do.
"""

from pynn.nn import functional as F
from pynn.ops.indexing import cat

GATES = {"RNN_TANH": 1, "RNN_RELU": 1, "LSTM": 4, "GRU": 3}


def step(mode, projected, state, w_hh, b_hh, w_hr=None):
    """One step: the next state, a tuple (h,) or (h, c).

    projected: input @ w_ih.T + b_ih, shape (N, gates * hidden_size); state: (h,) or, for LSTM, (h, c).
    """
    h = state[0]
    recurrent = F.linear(h, w_hh, b_hh)
    if mode == "RNN_TANH":
        return (F.tanh(projected + recurrent),)
    if mode == "RNN_RELU":
        return (F.relu(projected + recurrent),)
    if mode == "GRU":
        reset, update, new = projected.chunk(3, -1)
        h_reset, h_update, h_new = recurrent.chunk(3, -1)
        candidate = F.tanh(new + F.sigmoid(reset + h_reset) * h_new)
        return (candidate + F.sigmoid(update + h_update) * (h - candidate),)
    into, forget, candidate, out = (projected + recurrent).chunk(4, -1)
    c = F.sigmoid(forget) * state[1] + F.sigmoid(into) * F.tanh(candidate)
    h = F.sigmoid(out) * F.tanh(c)
    return (h if w_hr is None else F.linear(h, w_hr), c)


def run_packed(mode, data, batch_sizes, state, weights, reverse):
    """`functional.run_layer` for sequences of several lengths, longest first, packed as torch's PackedSequence packs them.

    data: (all steps, features), step by step; batch_sizes: how many sequences reach each step.
    """
    w_ih, w_hh, b_ih, b_hh, w_hr = weights
    projected = F.linear(data, w_ih, b_ih).split(batch_sizes)
    first = batch_sizes[0]
    count = batch_sizes[-1] if reverse else first
    initial, state = state, tuple(s[:count] for s in state)
    outputs, ended = [], []
    for x, size in zip(projected[::-1], batch_sizes[::-1]) if reverse else zip(projected, batch_sizes):
        if size > count:  # in reverse, sequences join at their last step
            state = tuple(cat([s, i[count:size]]) for s, i in zip(state, initial))
        elif size < count:  # forward, they leave after it
            ended.append(tuple(s[size:] for s in state))
            state = tuple(s[:size] for s in state)
        count = size
        state = step(mode, x, state, w_hh, b_hh, w_hr)
        outputs.append(state[0])
    if reverse:
        outputs.reverse()
    ended.append(state)
    return cat(outputs), tuple(cat(parts) for parts in zip(*reversed(ended)))
