"""RNN, LSTM, GRU and their cells."""

import re

import numpy
import pytest

import pynn
from pynn import nn
from pynn._core import call
from pynn.nn.utils import rnn as sequences
from pynn.ops.registry import OPS

KINDS = ["RNN", "LSTM", "GRU"]


def state_for(kind, rng, count, batch=None, hidden=4, projected=None):
    sizes = (count, hidden) if batch is None else (count, batch, hidden)
    h = rng.normal(size=sizes[:-1] + ((projected or hidden),))
    return (h, rng.normal(size=sizes)) if kind == "LSTM" else h


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("batch_first", [False, True])
def test_sequences_match_torch(twin, rng, kind, layers, bidirectional, batch_first):
    def make(nn):
        return getattr(nn, kind)(3, 4, layers, batch_first=batch_first, bidirectional=bidirectional)

    x = rng.normal(size=(2, 5, 3) if batch_first else (5, 2, 3))
    twin(make, x)
    twin(make, x, state_for(kind, rng, layers * (1 + bidirectional), 2))


@pytest.mark.parametrize("kind", KINDS)
def test_without_batch_or_bias_matches_torch(twin, rng, kind):
    def make(nn):
        return getattr(nn, kind)(3, 4, bias=False)

    twin(make, rng.normal(size=(5, 3)))
    twin(make, rng.normal(size=(5, 3)), state_for(kind, rng, 1))


def test_relu_and_projection_match_torch(twin, rng):
    twin(lambda nn: nn.RNN(3, 4, nonlinearity="relu"), rng.normal(size=(5, 2, 3)))
    twin(lambda nn: nn.RNN(3, 4, 1, "relu", False), rng.normal(size=(5, 2, 3)))

    def projected(nn):
        return nn.LSTM(3, 4, 2, proj_size=2, bidirectional=True)

    twin(projected, rng.normal(size=(5, 2, 3)))
    twin(projected, rng.normal(size=(5, 2, 3)), state_for("LSTM", rng, 4, 2, projected=2))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("batch_first", [False, True])
def test_packed_sequences_match_torch(rng, kind, batch_first):
    torch = pytest.importorskip("torch")
    lengths, x = [2, 5, 1, 5], rng.normal(size=(4, 5, 3) if batch_first else (5, 4, 3))
    hx = state_for(kind, rng, 4, 4)
    results = []
    for library, tensor in ((torch, torch.from_numpy), (pynn, pynn.tensor)):
        pack = library.nn.utils.rnn
        m = getattr(library.nn, kind)(3, 4, 2, batch_first=batch_first, bidirectional=True).double()
        with library.no_grad():
            for p in m.parameters():
                p.copy_(tensor(numpy.sin(numpy.arange(p.numel())).reshape(tuple(p.shape))))
        leaf = tensor(x.copy()).requires_grad_()
        state = tuple(tensor(h) for h in hx) if kind == "LSTM" else tensor(hx)
        packed = pack.pack_padded_sequence(leaf, library.tensor(lengths), batch_first, enforce_sorted=False)
        out, last = m(packed, state)
        padded, back = pack.pad_packed_sequence(out, batch_first)
        assert back.tolist() == lengths
        (padded * padded).sum().backward()
        results.append([packed.data, packed.batch_sizes, padded, *(last if kind == "LSTM" else [last]), leaf.grad])
    for ours, theirs in zip(*results[::-1]):
        numpy.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_inference_gives_the_bits_of_training(kind):
    m, x = getattr(nn, kind)(5, 24, 2, bidirectional=True), pynn.randn(40, 9, 5)
    trained = m(x)[0]
    with pynn.no_grad():
        assert pynn.equal(m(x)[0], trained)


@pytest.mark.parametrize("name", ["lstm", "gru"])
def test_what_backward_needs_is_held_only_if_it_may_run(name, rng):
    kept = OPS[name].samples(rng)[0]
    held = run(name, kept.inputs, kept.attrs)[-1]
    nothing = run(name, kept.inputs, (*kept.attrs[:-1], False))[-1]
    assert held.numel() > nothing.numel() == 0


def run(name, inputs, attrs):
    return call(OPS[name].op, tuple(None if x is None else pynn.from_numpy(x) for x in inputs), attrs)


@pytest.mark.parametrize("kind", KINDS)
def test_no_samples(kind):
    m = getattr(nn, kind)(3, 4)
    x = pynn.zeros(5, 0, 3, requires_grad=True)
    y, _ = m(x)
    assert y.shape == (5, 0, 4)
    y.sum().backward()
    assert x.grad.shape == (5, 0, 3)
    assert all(p.grad.abs().sum().item() == 0 for p in m.parameters())


def test_a_step_at_a_time_equals_the_sequence():
    x = pynn.randn(6, 2, 3)
    for kind in KINDS:
        m = getattr(nn, kind)(3, 4, 2)
        whole, last = m(x)
        state, parts = None, []
        for t in range(6):
            out, state = m(x[t : t + 1], state)
            parts.append(out)
        assert pynn.allclose(pynn.cat(parts), whole, atol=1e-6)
        for a, b in zip(state if kind == "LSTM" else [state], last if kind == "LSTM" else [last]):
            assert pynn.allclose(a, b, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_cells_match_torch(twin, rng, kind):
    def make(nn):
        return getattr(nn, kind + "Cell")(3, 4)

    for shape in ((2, 3), (3,)):
        twin(make, rng.normal(size=shape))
    h = rng.normal(size=(2, 4))
    twin(make, rng.normal(size=(2, 3)), (h, rng.normal(size=(2, 4))) if kind == "LSTM" else h)
    twin(lambda nn: getattr(nn, kind + "Cell")(3, 4, bias=False), rng.normal(size=(2, 3)))


def test_relu_cell_matches_torch(twin, rng):
    twin(lambda nn: nn.RNNCell(3, 4, nonlinearity="relu"), rng.normal(size=(2, 3)))


def test_parameters_names_and_range():
    m = nn.LSTM(3, 4, 2, bidirectional=True)
    assert [n for n, _ in m.named_parameters()] == [
        f"{name}_l{layer}{suffix}"
        for layer in (0, 1)
        for suffix in ("", "_reverse")
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    ]
    assert [len(w) for w in m.all_weights] == [4] * 4
    assert m.all_weights[2][0] is m.weight_ih_l1
    assert all(p.abs().max().item() <= 0.5 for p in m.parameters())
    assert m.flatten_parameters() is None


def test_dropout_between_layers_in_training_only():
    m = nn.GRU(3, 8, 2, dropout=0.5)
    x = pynn.randn(5, 2, 3)
    assert not pynn.equal(m(x)[0], m(x)[0])
    m.eval()
    assert pynn.equal(m(x)[0], m(x)[0])


def test_constructor_errors():
    with pytest.warns(UserWarning, match="non-zero dropout expects num_layers greater than 1"):
        nn.LSTM(3, 4, dropout=0.5)
    for arguments, message in (
        ({"dropout": 2}, "dropout should be a number in range [0, 1]"),
        ({"hidden_size": 0}, "hidden_size must be greater than zero"),
        ({"num_layers": 0}, "num_layers must be greater than zero"),
        ({"proj_size": 4}, "proj_size has to be smaller than hidden_size"),
        ({"proj_size": -1}, "proj_size should be a positive integer or zero"),
    ):
        with pytest.raises(ValueError, match=re.escape(message)):
            nn.LSTM(**{"input_size": 3, "hidden_size": 4, **arguments})
    with pytest.raises(TypeError, match="hidden_size should be of type int, got: float"):
        nn.GRU(3, 4.0)
    for cls in (nn.RNN, nn.GRU):
        with pytest.raises(ValueError, match="proj_size argument is only supported for LSTM"):
            cls(3, 4, proj_size=2)
    with pytest.raises(ValueError, match="Unknown nonlinearity 'elu'"):
        nn.RNN(3, 4, nonlinearity="elu")


def test_input_errors():
    m, x = nn.LSTM(3, 4), pynn.ones(5, 2, 3)
    zeros = pynn.zeros
    with pytest.raises(ValueError, match="LSTM: Expected input to be 2D or 3D, got 4D instead"):
        m(pynn.ones(1, 2, 3, 3))
    with pytest.raises(RuntimeError, match=r"Expected 3, got 2"):
        m(pynn.ones(5, 2, 2))
    with pytest.raises(
        ValueError, match=r"RNN input dtype \(pynn.float64\) does not match weight dtype \(pynn.float32\)"
    ):
        m(x.double())
    with pytest.raises(RuntimeError, match=r"Expected hidden\[1\] size \(1, 2, 4\), got \[1, 3, 4\]"):
        m(x, (zeros(1, 2, 4), zeros(1, 3, 4)))
    with pytest.raises(RuntimeError, match="For batched 3-D input, hx and cx should also be 3-D but got 2-D tensor"):
        m(x, (zeros(1, 4), zeros(1, 4)))
    with pytest.raises(TypeError, match=r"LSTM takes hx as a tuple \(h_0, c_0\)"):
        m(x, zeros(1, 2, 4))
    with pytest.raises(RuntimeError, match="For unbatched 2-D input, hx should also be 2-D but got 3-D tensor"):
        nn.GRU(3, 4)(pynn.ones(5, 3), zeros(1, 2, 4))
    with pytest.raises(TypeError, match="takes a Tensor or a PackedSequence, got list"):
        m([1])
    with pytest.raises(RuntimeError, match="inconsistent input_size: got 2 expected 3"):
        nn.GRUCell(3, 4)(pynn.ones(2, 2))
    with pytest.raises(RuntimeError, match="inconsistent hidden_size"):
        nn.RNNCell(3, 4)(pynn.ones(2, 3), zeros(2, 5))
    with pytest.raises(ValueError, match="LSTMCell: Expected input to be 1D or 2D, got 3D instead"):
        nn.LSTMCell(3, 4)(x)


def test_packing_is_undone_for_sorted_batches():
    x = pynn.randn(3, 2, 4)
    packed = sequences.pack_padded_sequence(x, [3, 3])
    assert packed.sorted_indices is None
    out, last = nn.RNN(4, 5)(packed)
    assert isinstance(out, sequences.PackedSequence)
    assert tuple(out.data.shape) == (6, 5)
    assert tuple(last.shape) == (1, 2, 5)


def test_names_of_the_weights():
    module = pynn.nn.LSTM(3, 4, num_layers=2, proj_size=2)
    layer = ["weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0", "weight_hr_l0"]
    assert module._all_weights[0] == layer
    assert module._flat_weights_names[:5] == layer
    assert module._flat_weights[0] is module.weight_ih_l0
    assert len(module._flat_weights) == 10
    for name in ("bias", "batch_first"):
        with pytest.raises(TypeError, match=f"{name} should be of type bool, got: int"):
            pynn.nn.GRU(3, 4, **{name: 1})
    with pytest.raises(ValueError, match="input_size must be greater than zero"):
        pynn.nn.GRU(0, 4)


def test_shapes_and_checks_that_subclasses_call():
    layer = nn.LSTM(3, 4, num_layers=2, bidirectional=True, proj_size=2)
    x = pynn.rand(5, 6, 3)
    assert layer.get_expected_hidden_size(x, None) == (4, 6, 2)
    assert layer.get_expected_cell_size(x, None) == (4, 6, 4)
    assert layer.get_expected_hidden_size(x, pynn.tensor([7, 1])) == (4, 7, 2)
    layer.check_forward_args(x, (pynn.zeros(4, 6, 2), pynn.zeros(4, 6, 4)), None)
    with pytest.raises(RuntimeError, match=r"hidden\[1\] size"):
        layer.check_forward_args(x, (pynn.zeros(4, 6, 2), pynn.zeros(4, 6, 2)), None)
    with pytest.raises(ValueError, match="2D or 3D"):
        layer.check_input(x[0, 0], None)
    gru = nn.GRU(3, 4, batch_first=True)
    assert gru.get_expected_hidden_size(x, None) == (1, 5, 4)
    state = pynn.arange(3.0).reshape(1, 3, 1)
    assert gru.permute_hidden(state, pynn.tensor([2, 0, 1])).flatten().tolist() == [2.0, 0.0, 1.0]
    assert gru.permute_hidden(state, None) is state


def test_a_check_that_a_subclass_replaces_is_called():
    class Loud(nn.GRU):
        def check_forward_args(self, input, hidden, batch_sizes):
            raise OverflowError

    with pytest.raises(OverflowError):
        Loud(2, 2)(pynn.rand(1, 1, 2), pynn.zeros(1, 1, 2))


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
def test_functions_of_packed_sequences(kind):
    layer = getattr(nn, kind)(2, 3, num_layers=2, bidirectional=True)
    packed = nn.utils.rnn.pack_sequence([pynn.rand(3, 2), pynn.rand(1, 2)])
    output, state = layer(packed)
    state = state if kind == "LSTM" else (state,)
    function = {"LSTM": pynn.lstm, "GRU": pynn.gru, "RNN": pynn.rnn_tanh}[kind]
    start = tuple(pynn.zeros(4, 2, 3) for _ in state)
    start = start if kind == "LSTM" else start[0]
    found = function(packed.data, packed.batch_sizes, start, layer._flat_weights, True, 2, 0.0, False, True)
    assert pynn.equal(found[0], output.data)
    for mine, other in zip(found[1:], state):
        assert pynn.equal(mine, other)


def test_a_cell_names_the_state_that_does_not_fit():
    cell = nn.LSTMCell(3, 4)
    with pytest.raises(RuntimeError, match="hidden1 has inconsistent hidden_size: got 5, expected 4"):
        cell(pynn.ones(2, 3), (pynn.ones(2, 4), pynn.ones(2, 5)))
    with pytest.raises(RuntimeError, match="doesn't match hidden0 batch size"):
        cell(pynn.ones(2, 3), (pynn.ones(3, 4), pynn.ones(3, 4)))


def test_the_sizes_of_a_recurrent_layer_are_ints():
    with pytest.raises(TypeError, match="input_size should be of type int, got: float"):
        nn.GRU(2.0, 3)
