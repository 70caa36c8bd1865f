"""Recurrent networks over whole sequences (RNN, LSTM, GRU), and their cells for single steps."""

import math
import warnings
from typing import Any

from pynn._core import Tensor
from pynn.nn import functional as F
from pynn.nn import init
from pynn.nn.functional.recurrent import run_layer
from pynn.nn.module import Module
from pynn.nn.parameter import Parameter
from pynn.nn.utils.rnn import PackedSequence
from pynn.ops.creation import empty, zeros
from pynn.ops.devices import beside
from pynn.ops.joining import cat, stack

GATES = {"RNN_TANH": 1, "RNN_RELU": 1, "LSTM": 4, "GRU": 3}

__all__ = ["GRU", "LSTM", "RNN", "GRUCell", "LSTMCell", "RNNBase", "RNNCell", "RNNCellBase"]


class RNNBase(Module):
    """What RNN, LSTM and GRU share; `mode` is "RNN_TANH", "RNN_RELU", "LSTM" or "GRU".

    Parameters of layer k, "_reverse" added for the backward direction: weight_ih_lk (gates * hidden_size, features),
    weight_hh_lk (gates * hidden_size, size), bias_ih_lk and bias_hh_lk (gates * hidden_size,) where bias, and
    weight_hr_lk (proj_size, hidden_size) where proj_size; all drawn from U(-k, k), k = 1 / sqrt(hidden_size).
    """

    def __init__(self, mode: Any, input_size: int, hidden_size: int, num_layers: int=1, bias: bool=True, batch_first: bool=False, dropout: float=0.0,
                 bidirectional: bool=False, proj_size: int=0, device: Any=None, dtype: Any=None) -> None:  # fmt: skip
        super().__init__()
        if isinstance(dropout, bool) or not isinstance(dropout, (int, float)) or not 0 <= dropout <= 1:
            raise ValueError(
                "dropout should be a number in range [0, 1] representing the probability of an element being zeroed, "
                f"got {dropout!r}"
            )
        if dropout > 0 and num_layers == 1:
            warnings.warn(
                "dropout option adds dropout after all but last recurrent layer, so non-zero dropout expects num_layers "
                f"greater than 1, but got dropout={dropout} and num_layers={num_layers}",
                stacklevel=3,
            )
        for name, value in (("bias", bias), ("batch_first", batch_first)):
            if not isinstance(value, bool):
                raise TypeError(f"{name} should be of type bool, got: {type(value).__name__}")
        for name, size in (("input_size", input_size), ("hidden_size", hidden_size)):
            if not isinstance(size, int):
                raise TypeError(f"{name} should be of type int, got: {type(size).__name__}")
        if input_size <= 0:
            raise ValueError(f"input_size must be greater than zero, got {input_size}")
        if hidden_size <= 0:
            raise ValueError(f"hidden_size must be greater than zero, got {hidden_size}")
        if num_layers <= 0:
            raise ValueError(f"num_layers must be greater than zero, got {num_layers}")
        if proj_size < 0:
            raise ValueError(f"proj_size should be a positive integer or zero to disable projections, got {proj_size}")
        if proj_size >= hidden_size:
            raise ValueError(f"proj_size has to be smaller than hidden_size, got {proj_size} and {hidden_size}")
        self.mode = mode
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        for layer in range(num_layers):
            for suffix in self._suffixes(layer):
                for name, shape in self._shapes(layer).items():
                    self.register_parameter(name + suffix, Parameter(empty(shape, device=device, dtype=dtype)))
        self.reset_parameters()

    def _suffixes(self, layer: int) -> list[str]:
        return [f"_l{layer}", f"_l{layer}_reverse"] if self.bidirectional else [f"_l{layer}"]

    def _shapes(self, layer: int) -> dict[str, tuple[int, ...]]:
        """The shapes of one layer and direction's parameters by name, in torch's order."""
        rows = GATES[self.mode] * self.hidden_size
        size = self.proj_size or self.hidden_size
        features = self.input_size if layer == 0 else size * (2 if self.bidirectional else 1)
        shapes: dict[str, tuple[int, ...]] = {"weight_ih": (rows, features), "weight_hh": (rows, size)}
        if self.bias:
            shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)}
        if self.proj_size:
            shapes["weight_hr"] = (self.proj_size, self.hidden_size)
        return shapes

    @property
    def all_weights(self) -> list[list[Parameter]]:
        """The parameters, a list for each layer and direction."""
        return [
            [getattr(self, name + suffix) for name in self._shapes(layer)]
            for layer in range(self.num_layers)
            for suffix in self._suffixes(layer)
        ]

    @property
    def _all_weights(self) -> list[list[str]]:
        """The parameters' names, a list for each layer and direction."""
        return [
            [name + suffix for name in self._shapes(layer)]
            for layer in range(self.num_layers)
            for suffix in self._suffixes(layer)
        ]

    @property
    def _flat_weights_names(self) -> list[str]:
        return [name for names in self._all_weights for name in names]

    @property
    def _flat_weights(self) -> list[Any]:
        return [getattr(self, name, None) for name in self._flat_weights_names]

    def reset_parameters(self) -> None:
        """Draw all parameters anew."""
        bound = 1.0 / math.sqrt(self.hidden_size)
        for param in self.parameters():
            init.uniform_(param, -bound, bound)

    def flatten_parameters(self) -> None:
        """Nothing: it packs weights on GPUs in torch."""

    # ---- running ----

    def forward(self, input: Any, hx: Any = None) -> Any:
        packed = isinstance(input, PackedSequence)
        data, counts = (input.data, input.batch_sizes) if packed else (input, None)
        self.check_input(data, counts)
        alone = not packed and data.dim() == 2
        if hx is not None:
            self._check_state_dims(hx, alone)
        if alone:
            data = data.unsqueeze(0 if self.batch_first else 1)
        if hx is None:
            sizes = [self.get_expected_hidden_size(data, counts)]
            sizes += [self.get_expected_cell_size(data, counts)] if self.mode == "LSTM" else []
            states = tuple(zeros(size, dtype=data.dtype, device=beside(data, None)) for size in sizes)
        else:
            if alone:
                hx = tuple(s.unsqueeze(1) for s in hx) if self.mode == "LSTM" else hx.unsqueeze(1)
            self.check_forward_args(data, hx, counts)
            hx = self.permute_hidden(hx, input.sorted_indices if packed else None)
            states = tuple(hx) if self.mode == "LSTM" else (hx,)
        if self.batch_first and not packed:
            data = data.transpose(0, 1)
        output, last = self._run(data, None if counts is None else tuple(counts.tolist()), states)
        final = last if self.mode == "LSTM" else last[0]
        if packed:
            output = PackedSequence(output, counts, input.sorted_indices, input.unsorted_indices)
            return output, self.permute_hidden(final, input.unsorted_indices)
        if alone:
            final = tuple(s.squeeze(1) for s in last) if self.mode == "LSTM" else last[0].squeeze(1)
            return output.squeeze(1), final
        return (output.transpose(0, 1) if self.batch_first else output), final

    def _run(self, data: Any, sizes: Any, states: Any) -> Any:
        """All layers and directions: (outputs, the last states, each (layers * directions, N, size))."""
        last, place = [], 0
        for layer in range(self.num_layers):
            if layer and self.dropout:
                data = F.dropout(data, self.dropout, self.training)
            outputs = []
            for reverse, suffix in enumerate(self._suffixes(layer)):
                weights = [getattr(self, name + suffix, None) for name in _WEIGHTS]
                state = tuple(s[place] for s in states)
                output, state = run_layer(self.mode, data, state, weights, reverse, sizes)
                outputs.append(output)
                last.append(state)
                place += 1
            data = outputs[0] if len(outputs) == 1 else cat(outputs, -1)
        return data, tuple(stack(parts) if place > 1 else parts[0].unsqueeze(0) for parts in zip(*last))

    def get_expected_hidden_size(self, input: Any, batch_sizes: Any) -> tuple[int, int, int]:
        """The shape of h for an input: (layers * directions, batch, size); batch_sizes: those of a packed one."""
        batch = input.shape[0 if self.batch_first else 1] if batch_sizes is None else int(batch_sizes[0])
        count = self.num_layers * (2 if self.bidirectional else 1)
        return count, batch, self.proj_size or self.hidden_size

    def check_hidden_size(
        self, hx: Any, expected_hidden_size: Any, msg: str = "Expected hidden size {}, got {}"
    ) -> None:
        """RuntimeError, of that message, unless hx has that shape."""
        if tuple(hx.shape) != tuple(expected_hidden_size):
            text = msg.format(tuple(expected_hidden_size), list(hx.shape))
            raise RuntimeError(text + ": (layers * directions, batch, size).")

    def check_forward_args(self, input: Any, hidden: Any, batch_sizes: Any) -> None:
        """Raise what forward raises for an input or a state that does not fit."""
        self.check_input(input, batch_sizes)
        self.check_hidden_size(hidden, self.get_expected_hidden_size(input, batch_sizes))

    def permute_hidden(self, hx: Any, permutation: Any) -> Any:
        """The state with the sequences of its batch in the order of the permutation's indices; None: as it is."""
        return hx if permutation is None else hx.index_select(1, permutation)

    def check_input(self, input: Any, batch_sizes: Any) -> None:
        """Raise what forward raises for an input that does not fit; batch_sizes: those of a packed one, or None."""
        data, packed = input, batch_sizes is not None
        if not isinstance(data, Tensor):
            raise TypeError(f"{self._name()} takes a Tensor or a PackedSequence, got {type(data).__name__}.")
        if not packed and data.dim() not in (2, 3):
            raise ValueError(f"{self._name()}: Expected input to be 2D or 3D, got {data.dim()}D instead")
        weight = self.weight_ih_l0
        if data.dtype != weight.dtype:
            raise ValueError(
                f"RNN input dtype ({data.dtype}) does not match weight dtype ({weight.dtype}). Convert input: "
                f"input.to({weight.dtype}), or convert model: model.to({data.dtype})"
            )
        if data.shape[-1] != self.input_size:
            raise RuntimeError(
                f"input.size(-1) must be equal to input_size. Expected {self.input_size}, got {data.shape[-1]}"
            )

    def _check_state_dims(self, hx: Any, alone: Any) -> None:
        if self.mode == "LSTM" and (not isinstance(hx, (tuple, list)) or len(hx) != 2):
            raise TypeError(f"LSTM takes hx as a tuple (h_0, c_0), got {type(hx).__name__}.")
        if self.mode != "LSTM" and not isinstance(hx, Tensor):
            raise TypeError(
                f"{type(self).__name__} takes hx as one Tensor, got {type(hx).__name__}: only LSTM has a tuple."
            )
        wanted = 2 if alone else 3
        for state in hx if self.mode == "LSTM" else (hx,):
            if state.dim() != wanted:
                kind = "unbatched 2-D" if alone else "batched 3-D"
                name = "hx and cx" if self.mode == "LSTM" else "hx"
                raise RuntimeError(f"For {kind} input, {name} should also be {wanted}-D but got {state.dim()}-D tensor")

    def _name(self) -> Any:
        return "RNN" if self.mode.startswith("RNN") else self.mode

    def extra_repr(self) -> str:
        parts = [f"{self.input_size}, {self.hidden_size}"]
        if self.proj_size:
            parts.append(f"proj_size={self.proj_size}")
        for name, default in (("num_layers", 1), ("bias", True), ("batch_first", False), ("dropout", 0.0)):
            if getattr(self, name) != default:
                parts.append(f"{name}={getattr(self, name)}")
        if self.bidirectional:
            parts.append("bidirectional=True")
        return ", ".join(parts)


_WEIGHTS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr")


class RNN(RNNBase):
    """h_t = tanh(w_ih x_t + b_ih + w_hh h_(t-1) + b_hh), or relu by nonlinearity="relu".

    RNN(input_size, hidden_size, num_layers=1, nonlinearity="tanh", bias=True, batch_first=False, dropout=0.0,
    bidirectional=False). Input (T, N, input_size), (N, T, input_size) where batch_first, or (T, input_size);
    hx (layers * directions, N, hidden_size), zeros where None. Returns (output, h_n).
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if "proj_size" in kwargs:
            raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")
        if len(args) > 3:
            nonlinearity, args = args[3], args[:3] + args[4:]
        else:
            nonlinearity = kwargs.pop("nonlinearity", "tanh")
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"Unknown nonlinearity '{nonlinearity}'. Select from 'tanh' or 'relu'.")
        super().__init__("RNN_" + nonlinearity.upper(), *args, **kwargs)
        self.nonlinearity = nonlinearity


class LSTM(RNNBase):
    """Long short-term memory, gates in the order input, forget, cell, output.

    LSTM(input_size, hidden_size, num_layers=1, bias=True, batch_first=False, dropout=0.0, bidirectional=False,
    proj_size=0). Input as in RNN; hx is (h_0, c_0), h_0 (layers * directions, N, proj_size or hidden_size), c_0
    (layers * directions, N, hidden_size). Returns (output, (h_n, c_n)).
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__("LSTM", *args, **kwargs)

    def get_expected_cell_size(self, input: Any, batch_sizes: Any) -> tuple[int, int, int]:
        """The shape of c for an input: (layers * directions, batch, hidden_size)."""
        count, batch, _ = self.get_expected_hidden_size(input, batch_sizes)
        return count, batch, self.hidden_size

    def check_forward_args(self, input: Any, hidden: Any, batch_sizes: Any) -> None:
        """Raise what forward raises for an input or a state (h, c) that does not fit."""
        self.check_input(input, batch_sizes)
        text = "Expected hidden[{}] size {{}}, got {{}}"
        self.check_hidden_size(hidden[0], self.get_expected_hidden_size(input, batch_sizes), text.format(0))
        self.check_hidden_size(hidden[1], self.get_expected_cell_size(input, batch_sizes), text.format(1))

    def permute_hidden(self, hx: Any, permutation: Any) -> Any:
        """(h, c) with the sequences of the batch in the order of the permutation's indices; None: as it is."""
        return hx if permutation is None else tuple(s.index_select(1, permutation) for s in hx)


class GRU(RNNBase):
    """Gated recurrent units, gates in the order reset, update, new.

    GRU(input_size, hidden_size, num_layers=1, bias=True, batch_first=False, dropout=0.0, bidirectional=False).
    Input, hx and results as in RNN.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if "proj_size" in kwargs:
            raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")
        super().__init__("GRU", *args, **kwargs)


class RNNCellBase(Module):
    """What the cells share. weight_ih, weight_hh, bias_ih, bias_hh: as in RNNBase, without suffix."""

    _mode = ""

    def __init__(self, input_size: int, hidden_size: int, bias: Any, device: Any = None, dtype: Any = None) -> None:
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        rows, like = GATES[self._mode or "RNN_TANH"] * hidden_size, {"device": device, "dtype": dtype}
        self.weight_ih = Parameter(empty((rows, input_size), **like))
        self.weight_hh = Parameter(empty((rows, hidden_size), **like))
        self.register_parameter("bias_ih", Parameter(empty(rows, **like)) if bias else None)
        self.register_parameter("bias_hh", Parameter(empty(rows, **like)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all parameters anew from U(-k, k), k = 1 / sqrt(hidden_size)."""
        bound = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for param in self.parameters():
            init.uniform_(param, -bound, bound)

    def _step(self, mode: str, input: Tensor, state: Any) -> tuple[Tensor, ...]:
        name = type(self).__name__
        if input.dim() not in (1, 2):
            raise ValueError(f"{name}: Expected input to be 1D or 2D, got {input.dim()}D instead")
        if input.shape[-1] != self.input_size:
            raise RuntimeError(f"input has inconsistent input_size: got {input.shape[-1]} expected {self.input_size}")
        shape = tuple(input.shape[:-1]) + (self.hidden_size,)
        if state is None:
            start = zeros(shape, dtype=input.dtype, device=beside(input, None))
            state = (start, start) if mode == "LSTM" else (start,)
        for i, hidden in enumerate(state):
            if hidden.dim() not in (1, 2):
                raise ValueError(f"{name}: Expected hidden to be 1D or 2D, got {hidden.dim()}D instead")
            if hidden.shape[-1] != self.hidden_size:
                raise RuntimeError(
                    f"hidden{i} has inconsistent hidden_size: got {hidden.shape[-1]}, expected {self.hidden_size}"
                )
            if tuple(hidden.shape) != shape:
                raise RuntimeError(
                    f"Input batch size {list(shape[:-1])} doesn't match hidden{i} batch size {list(hidden.shape[:-1])}."
                )
        alone = input.dim() == 1
        rows = input.unsqueeze(0) if alone else input
        state = tuple(s.unsqueeze(0) for s in state) if alone else tuple(state)
        weights = (self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh, None)
        state = run_layer(mode, rows.unsqueeze(0), state, weights, False)[1]
        return tuple(s.squeeze(0) for s in state) if alone else state

    def extra_repr(self) -> str:
        parts = [f"{self.input_size}, {self.hidden_size}"]
        if self.bias is not True:
            parts.append(f"bias={self.bias}")
        if getattr(self, "nonlinearity", "tanh") != "tanh":
            parts.append(f"nonlinearity={self.nonlinearity}")
        return ", ".join(parts)


class RNNCell(RNNCellBase):
    """One step of RNN: input (N, input_size) or (input_size,), hx (N, hidden_size) -> hx."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, device, dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        if self.nonlinearity not in ("tanh", "relu"):
            raise RuntimeError(f"Unknown nonlinearity: {self.nonlinearity}")
        return self._step("RNN_" + self.nonlinearity.upper(), input, None if hx is None else (hx,))[0]


class LSTMCell(RNNCellBase):
    """One step of LSTM: input (N, input_size) or (input_size,), hx (h, c) -> (h, c)."""

    _mode = "LSTM"

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__(input_size, hidden_size, bias, device, dtype)

    def forward(self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, Tensor]:
        hidden, cell = self._step("LSTM", input, hx)
        return hidden, cell


class GRUCell(RNNCellBase):
    """One step of GRU: input (N, input_size) or (input_size,), hx (N, hidden_size) -> hx."""

    _mode = "GRU"

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__(input_size, hidden_size, bias, device, dtype)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        return self._step("GRU", input, None if hx is None else (hx,))[0]
