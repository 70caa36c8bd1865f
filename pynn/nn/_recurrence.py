"""Recurrent layers over sequences of several lengths."""

from itertools import groupby

from pynn.nn.functional.recurrent import run_layer
from pynn.ops.joining import cat

GATES = {"RNN_TANH": 1, "RNN_RELU": 1, "LSTM": 4, "GRU": 3}


def run_packed(mode, data, batch_sizes, state, weights, reverse):
    """run_layer for sequences of several lengths, longest first, packed as torch's PackedSequence packs them.

    data: (all steps, features), step by step; batch_sizes: how many sequences reach each step, descending.
    The steps that the same sequences reach run as one layer.
    """
    runs = [(size, len(list(steps))) for size, steps in groupby(batch_sizes)]
    parts = data.split([size * steps for size, steps in runs])
    initial, outputs, ended = state, [], []
    count = runs[-1][0] if reverse else runs[0][0]
    state = tuple(s[:count] for s in initial)
    for (size, steps), part in reversed(list(zip(runs, parts))) if reverse else zip(runs, parts):
        if size > count:  # in reverse, sequences join at their last step
            state = tuple(cat([s, i[count:size]]) for s, i in zip(state, initial))
        elif size < count:  # forward, they leave after it
            ended.append(tuple(s[size:] for s in state))
            state = tuple(s[:size] for s in state)
        count = size
        output, state = run_layer(mode, part.reshape(steps, size, -1), state, weights, reverse)
        outputs.append(output.reshape(steps * size, -1))
    if reverse:
        outputs.reverse()
    ended.append(state)
    return cat(outputs), tuple(cat(rows) for rows in zip(*reversed(ended)))
