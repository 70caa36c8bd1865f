"""Padding and packing of sequences."""

import numpy
import pytest

import pynn
from pynn.nn.utils import rnn


def sequences():
    return [pynn.arange(1.0, 3.0), pynn.arange(3.0, 7.0), pynn.arange(7.0, 8.0)]


def test_pad_sequence():
    assert rnn.pad_sequence(sequences(), batch_first=True).tolist() == [[1, 2, 0, 0], [3, 4, 5, 6], [7, 0, 0, 0]]
    assert tuple(rnn.pad_sequence(sequences()).shape) == (4, 3)
    left = rnn.pad_sequence(sequences(), True, -1.0, padding_side="left")
    assert left.tolist() == [[-1, -1, 1, 2], [3, 4, 5, 6], [-1, -1, -1, 7]]
    with pytest.raises(ValueError, match="padding_side should be 'left' or 'right', got 'top'"):
        rnn.pad_sequence(sequences(), padding_side="top")
    with pytest.raises(RuntimeError, match="empty list"):
        rnn.pad_sequence([])


def test_pack_and_unpack_sequences():
    packed = rnn.pack_sequence(sequences(), enforce_sorted=False)
    assert packed.data.tolist() == [3, 1, 7, 4, 2, 5, 6]
    assert packed.batch_sizes.tolist() == [3, 2, 1, 1]
    assert packed.sorted_indices.tolist() == [1, 0, 2]
    assert packed.unsorted_indices.tolist() == [1, 0, 2]
    assert [s.tolist() for s in rnn.unpack_sequence(packed)] == [s.tolist() for s in sequences()]


def test_pad_packed_sequence():
    packed = rnn.pack_sequence(sequences(), enforce_sorted=False)
    padded, lengths = rnn.pad_packed_sequence(packed, batch_first=True, padding_value=-1.0, total_length=5)
    assert padded.tolist() == [[1, 2, -1, -1, -1], [3, 4, 5, 6, -1], [7, -1, -1, -1, -1]]
    assert lengths.tolist() == [2, 4, 1]
    with pytest.raises(ValueError, match="total_length=2 and max sequence length being 4"):
        rnn.pad_packed_sequence(packed, total_length=2)


def test_gradients_pass_through():
    x = pynn.randn(4, 3, 2).requires_grad_()
    padded, _ = rnn.pad_packed_sequence(rnn.pack_padded_sequence(x, [2, 4, 1], enforce_sorted=False))
    padded.sum().backward()
    wanted = numpy.zeros((4, 3, 2))
    for i, n in enumerate([2, 4, 1]):
        wanted[:n, i] = 1.0
    assert x.grad.tolist() == wanted.tolist()


@pytest.mark.parametrize(
    ("lengths", "message"),
    [
        ([1, 2, 3], "must be sorted in decreasing order"),
        ([3, 2], r"Expected `len\(lengths\)` to be equal to batch_size"),
        ([3, 2, 0], "has to be greater than 0"),
        ([5, 2, 1], "Expected lengths of at most 4, the padded length, but got 5"),
    ],
)
def test_bad_lengths(lengths, message):
    with pytest.raises(RuntimeError, match=message):
        rnn.pack_padded_sequence(pynn.ones(4, 3, 2), lengths)


def test_to():
    packed = rnn.pack_sequence(sequences(), enforce_sorted=False).to(pynn.float64)
    assert packed.data.dtype is pynn.float64
    assert isinstance(packed, rnn.PackedSequence)


def test_packed_sequence_converts_as_a_tensor_does():
    packed = rnn.pack_sequence([pynn.ones(3, 2), pynn.ones(2, 2)])
    for name in ("double", "float", "half", "long", "int", "short", "char", "byte"):
        converted = getattr(packed, name)()
        assert converted.data.dtype is getattr(packed.data, name)().dtype
        assert isinstance(converted, rnn.PackedSequence)
        assert converted.batch_sizes is packed.batch_sizes
    assert packed.cpu().data.shape == (5, 2)
    with pytest.raises(RuntimeError, match="cannot pin memory"):  # as torch where there is no GPU
        packed.pin_memory()
    assert not packed.is_cuda
    assert not packed.is_pinned()
    with pytest.raises(RuntimeError, match="pad_sequence: Expected iterable for input sequences"):
        rnn.pad_sequence(3)


def test_a_conversion_that_changes_nothing_returns_the_same():
    packed = rnn.pack_sequence([pynn.ones(2, 1), pynn.ones(1, 1)])
    assert packed.to("cpu") is packed
    assert packed.float() is packed
    assert packed.double().data.dtype is pynn.float64
    assert packed.double().batch_sizes.dtype is pynn.int64


def test_nothing_cannot_be_packed():
    with pytest.raises(RuntimeError, match="Cannot pack empty tensors"):
        rnn.pack_padded_sequence(pynn.empty(0, 0), pynn.tensor([], dtype=pynn.int64))
