"""Batches of sequences of several lengths: padded to one length, or packed without padding."""

from collections.abc import Iterable
from typing import Any, NamedTuple, Self

import numpy

from pynn._core import Tensor, made_beside, observe, wrap
from pynn.ops.creation import full
from pynn.ops.devices import beside
from pynn.ops.from_data import tensor
from pynn.ops.joining import cat, stack

__all__ = [
    "PackedSequence",
    "invert_permutation",
    "pack_padded_sequence",
    "pack_sequence",
    "pad_packed_sequence",
    "pad_sequence",
    "unpack_sequence",
    "unpad_sequence",
]  # fmt: skip


class _Packed(NamedTuple):
    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor | None
    unsorted_indices: Tensor | None


class PackedSequence(_Packed):
    """Sequences, longest first, laid step by step: what pack_padded_sequence makes and RNN, LSTM and GRU take.

    data: (sum of the lengths, features). batch_sizes: how many sequences reach each step, int64.
    sorted_indices, unsorted_indices: the order by length and its inverse, or None where the batch came in order.
    """

    __slots__ = ()

    def __new__(
        cls,
        data: Tensor,
        batch_sizes: Any = None,
        sorted_indices: Tensor | None = None,
        unsorted_indices: Tensor | None = None,
    ) -> Self:
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def _with(self, data: Tensor) -> Self:
        return self if data is self.data else self._replace(data=data)

    def to(self, *args: Any, **kwargs: Any) -> Any:
        """The same with its data converted as Tensor.to converts."""
        return self._with(self.data.to(*args, **kwargs))

    @property
    def is_cuda(self) -> bool:
        """Whether the data lies on a GPU."""
        return self.data.is_cuda

    def is_pinned(self) -> bool:
        """Whether the data lies in page-locked memory."""
        return bool(self.data.is_pinned())

    def pin_memory(self) -> Self:
        """The same with its data in page-locked memory."""
        return self._with(self.data.pin_memory())

    def cpu(self, *args: Any, **kwargs: Any) -> Self:
        """The same in the CPU's memory."""
        return self._with(self.data.cpu())

    def cuda(self, *args: Any, **kwargs: Any) -> Self:
        """The same on a GPU; RuntimeError where there is none."""
        return self._with(self.data.cuda(*args, **kwargs))

    def double(self) -> Self:
        """The same with its data as float64."""
        return self._with(self.data.double())

    def float(self) -> Self:
        """The same with its data as float32."""
        return self._with(self.data.float())

    def half(self) -> Self:
        """The same with its data as float16."""
        return self._with(self.data.half())

    def long(self) -> Self:
        """The same with its data as int64."""
        return self._with(self.data.long())

    def int(self) -> Self:
        """The same with its data as int32."""
        return self._with(self.data.int())

    def short(self) -> Self:
        """The same with its data as int16."""
        return self._with(self.data.short())

    def char(self) -> Self:
        """The same with its data as int8."""
        return self._with(self.data.char())

    def byte(self) -> Self:
        """The same with its data as uint8."""
        return self._with(self.data.byte())


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """The indices that undo a permutation of 0..n-1; None for None."""
    return None if permutation is None else made_beside(permutation, numpy.argsort(observe(permutation), kind="stable"))


def pack_padded_sequence(
    input: Tensor, lengths: Any, batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """Pack a padded batch (T, N, *), or (N, T, *) where batch_first, of these lengths.

    enforce_sorted: RuntimeError unless lengths are descending; else they are sorted, and results are put back in
    the given order. RuntimeError for lengths that are not N positive numbers up to T.
    """
    lengths = lengths if isinstance(lengths, Tensor) else tensor(lengths)
    sizes = observe(lengths).astype(numpy.int64)
    order = None
    if not input._array.size:
        raise RuntimeError(f"Cannot pack empty tensors: got an input of shape {list(input.shape)}.")
    if batch_first:
        input = input.transpose(0, 1)
    if not enforce_sorted:
        found = numpy.argsort(-sizes, kind="stable")
        sizes, order = sizes[found], made_beside(input, found)
        input = input.index_select(1, order)
    if sizes.shape != (input.shape[1],):
        raise RuntimeError(
            f"Expected `len(lengths)` to be equal to batch_size, but got {sizes.size} (batch_size={input.shape[1]})"
        )
    if (sizes <= 0).any():
        raise RuntimeError(
            "Length of all samples has to be greater than 0, but found an element in 'lengths' that is <= 0"
        )
    if (sizes[1:] > sizes[:-1]).any():
        raise RuntimeError(
            "`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. You can pass "
            "`enforce_sorted=False` to pack_padded_sequence and/or pack_sequence to sidestep this requirement."
        )
    if sizes[0] > input.shape[0]:
        raise RuntimeError(f"Expected lengths of at most {input.shape[0]}, the padded length, but got {sizes[0]}.")
    counts = (sizes[None, :] > numpy.arange(sizes[0])[:, None]).sum(1)
    data = cat([input[t, :n] for t, n in enumerate(counts.tolist())])
    return PackedSequence(data, wrap(counts), order)


def pad_packed_sequence(
    sequence: PackedSequence, batch_first: bool = False, padding_value: float = 0.0, total_length: int | None = None
) -> tuple[Tensor, Tensor]:
    """Undo pack_padded_sequence: (padded batch, lengths). total_length: pad to it; ValueError where it is too small."""
    counts = sequence.batch_sizes.numpy()
    steps = len(counts)
    if total_length is not None and total_length < steps:
        raise ValueError(
            f"Expected total_length to be at least the length of the longest sequence in input, but got "
            f"total_length={total_length} and max sequence length being {steps}"
        )
    batch, rest = int(counts[0]), tuple(sequence.data.shape[1:])
    rows = []
    for part in sequence.data.split(counts.tolist()):
        short = batch - part.shape[0]
        rows.append(cat([part, full((short, *rest), padding_value, dtype=part.dtype, device=beside(part, None))]) if short else part)
    extra = (total_length or steps) - steps
    rows += [full((batch, *rest), padding_value, dtype=sequence.data.dtype, device=beside(sequence.data, None))] * extra
    padded = stack(rows)
    lengths = wrap((counts[None, :] > numpy.arange(batch)[:, None]).sum(1))
    if sequence.unsorted_indices is not None:
        padded = padded.index_select(1, sequence.unsorted_indices)
        lengths = lengths.index_select(0, sequence.unsorted_indices.cpu())
    return (padded.transpose(0, 1) if batch_first else padded), lengths


def pad_sequence(
    sequences: Any, batch_first: bool = False, padding_value: float = 0.0, padding_side: str = "right"
) -> Tensor:
    """Stack sequences (L_i, *) padded to the longest: (T, N, *), or (N, T, *) where batch_first."""
    if padding_side not in ("left", "right"):
        raise ValueError(f"padding_side should be 'left' or 'right', got {padding_side!r}.")
    if not isinstance(sequences, Iterable):
        raise RuntimeError(
            f"pad_sequence: Expected iterable for input sequences, but got arg of type: {type(sequences)}"
        )
    sequences = list(sequences)
    if not sequences:
        raise RuntimeError("received an empty list of sequences")
    longest = max(s.shape[0] for s in sequences)
    padded = []
    for s in sequences:
        if s.shape[0] < longest:
            filler = full((longest - s.shape[0], *s.shape[1:]), padding_value, dtype=s.dtype, device=beside(s, None))
            s = cat([s, filler] if padding_side == "right" else [filler, s])
        padded.append(s)
    return stack(padded, 0 if batch_first else 1)


def unpad_sequence(padded_sequences: Tensor, lengths: Tensor, batch_first: bool = False) -> list[Tensor]:
    """The sequences of a padded batch as a list of (L_i, *)."""
    if not batch_first:
        padded_sequences = padded_sequences.transpose(0, 1)
    return [s[:n] for s, n in zip(padded_sequences, lengths.tolist())]


def pack_sequence(sequences: Any, enforce_sorted: bool = True) -> PackedSequence:
    """Pack a list of sequences (L_i, *)."""
    sequences = list(sequences)
    return pack_padded_sequence(pad_sequence(sequences), [s.shape[0] for s in sequences], enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """The sequences of a PackedSequence as a list."""
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)
