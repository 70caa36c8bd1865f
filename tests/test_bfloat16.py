"""bfloat16 as a dtype: making, converting, promoting, printing, copying, leaving to Python."""

import copy
import pickle
import subprocess
import sys

import numpy
import pytest

import pynn

BF16 = pynn.bfloat16


def test_importing_pynn_does_not_import_ml_dtypes():
    code = "import sys, pynn; assert 'ml_dtypes' not in sys.modules; pynn.zeros(1, dtype=pynn.bfloat16); assert 'ml_dtypes' in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_dtype():
    assert repr(BF16) == "pynn.bfloat16"
    assert (BF16.itemsize, BF16.is_floating_point, BF16.is_signed, BF16.is_complex) == (2, True, True, False)
    assert copy.deepcopy(BF16) is BF16
    assert pickle.loads(pickle.dumps(BF16)) is BF16
    with pytest.raises(AttributeError):
        BF16.nothing  # noqa: B018
    info = pynn.finfo(BF16)
    assert (info.bits, info.eps, info.dtype) == (16, 0.0078125, "bfloat16")
    assert (info.max, info.min, info.tiny) == (3.3895313892515355e38, -3.3895313892515355e38, 1.1754943508222875e-38)
    assert isinstance(pynn.zeros(2, dtype=BF16), pynn.BFloat16Tensor)
    assert pynn.zeros(2, dtype=BF16).type() == "pynn.BFloat16Tensor"


@pytest.mark.parametrize("other", ["bool", "uint8", "int8", "int16", "int32", "int64", "bfloat16"])
def test_promotes_integers_to_bfloat16(other):
    x, y = pynn.ones(2, dtype=BF16), pynn.ones(2, dtype=getattr(pynn, other))
    assert (x + y).dtype is BF16
    assert (y + x).dtype is BF16
    assert pynn.promote_types(getattr(pynn, other), BF16) is BF16


@pytest.mark.parametrize(("other", "result"), [("float16", "float32"), ("float32", "float32"), ("float64", "float64")])
def test_promotes_with_floats(other, result):
    x, y = pynn.ones(2, dtype=BF16), pynn.ones(2, dtype=getattr(pynn, other))
    assert (x + y).dtype is getattr(pynn, result)
    assert (y * x).dtype is getattr(pynn, result)
    assert pynn.promote_types(BF16, getattr(pynn, other)) is getattr(pynn, result)


def test_numbers_and_scalars_do_not_widen():
    x = pynn.ones(2, dtype=BF16)
    assert (x + 1).dtype is BF16
    assert (x * 0.1).dtype is BF16
    assert (x + pynn.tensor(1.0)).dtype is BF16
    assert pynn.where(x > 0, x, 0.5).dtype is BF16
    assert pynn.result_type(x, 1.5) is BF16


def test_a_number_is_not_rounded_first():
    x = pynn.tensor([3.0, 5.0, 7.0], dtype=BF16)
    assert (x * 0.1).tolist() == (x.float() * 0.1).bfloat16().tolist()
    assert (0.1 - x).tolist() == (0.1 - x.float()).bfloat16().tolist()
    y = x.clone()
    y *= 0.1
    assert y.tolist() == (x * 0.1).tolist()


def test_making():
    assert pynn.tensor([1, 2.3], dtype=BF16).tolist() == [1.0, 2.296875]
    assert pynn.zeros(2, dtype=BF16).tolist() == [0, 0]
    assert pynn.full((2,), 1.5, dtype=BF16).tolist() == [1.5, 1.5]
    assert pynn.arange(3, dtype=BF16).dtype is BF16
    assert pynn.eye(2, dtype=BF16).tolist() == [[1, 0], [0, 1]]
    assert pynn.ones_like(pynn.zeros(2, dtype=BF16)).dtype is BF16
    assert pynn.zeros(2).new_tensor([1.0]).dtype is pynn.float32
    assert pynn.tensor([pynn.tensor(1.5, dtype=BF16), pynn.tensor(2.0, dtype=BF16)]).tolist() == [1.5, 2.0]


def test_default_dtype():
    try:
        pynn.set_default_dtype(BF16)
        assert pynn.tensor(1.5).dtype is BF16
        assert pynn.zeros(1).dtype is BF16
        assert (pynn.tensor([1]) / 2).dtype is BF16
    finally:
        pynn.set_default_dtype(pynn.float32)


def test_rounding_and_special_values():
    x = pynn.tensor([1.00390625, 1.01171875, float("inf"), -float("inf"), float("nan"), 3.4e38, 1e-40])
    got = x.bfloat16()
    assert got[:4].tolist() == [1.0, 1.015625, float("inf"), -float("inf")]  # ties go to the even one
    assert got[4].isnan().item()
    assert got[5].item() == float("inf")
    assert got[6].item() == pytest.approx(1e-40, rel=0.01)  # denormal
    assert x.half()[5].item() == float("inf")


def test_conversions_keep_the_layout():
    x = pynn.randn(4, 3).t()
    assert x.bfloat16().stride() == x.stride()
    assert x[:, ::2].bfloat16().tolist() == x.bfloat16()[:, ::2].tolist()
    assert x.bfloat16() is not x
    y = x.bfloat16()
    assert y.to(BF16) is y
    assert y.bfloat16() is y
    assert y.half().dtype is pynn.float16
    assert y.double().dtype is pynn.float64
    assert y.long().dtype is pynn.int64


def test_leaving_to_python():
    x = pynn.tensor([1.5, -2.0], dtype=BF16)
    assert type(x[0].item()) is float
    assert [type(v) for v in x.tolist()] == [float, float]
    assert float(x[1]) == -2.0
    assert bool(x[0])
    with pytest.raises(TypeError, match="Got unsupported ScalarType BFloat16"):
        x.numpy()
    with pytest.raises(TypeError, match="BFloat16"):
        numpy.asarray(x)


def test_printing():
    assert repr(pynn.tensor([1.0, 2.1], dtype=BF16)) == "tensor([1.0000, 2.0938], dtype=pynn.bfloat16)"
    assert repr(pynn.tensor(3.0, dtype=BF16)) == "tensor(3., dtype=pynn.bfloat16)"
    assert repr(pynn.zeros(0, dtype=BF16)) == "tensor([], dtype=pynn.bfloat16)"


def test_comparing_indexing_and_views():
    x = pynn.tensor([3.0, 1.0, 2.0], dtype=BF16)
    assert (x > 1.5).tolist() == [True, False, True]
    assert pynn.equal(x, x.clone())
    assert pynn.allclose(x, x + 0.001)
    assert x.sort().values.tolist() == [1, 2, 3]
    assert x.topk(2).indices.tolist() == [0, 2]
    assert x.argmax().item() == 0
    assert x.unique().dtype is BF16
    assert x[pynn.tensor([2, 0])].tolist() == [2, 3]
    assert x[x > 1.5].tolist() == [3, 2]
    x[1] = 7
    x[0] = pynn.tensor(4.0)
    assert x.tolist() == [4, 7, 2]
    assert x.view(pynn.int16).tolist() == [0x4080, 0x40E0, 0x4000]
    assert x.view(pynn.int16).view(BF16).tolist() == [4, 7, 2]
    x[1:].zero_()
    assert x.tolist() == [4, 0, 0]
    assert pynn.cat([x, x]).dtype is BF16


def test_copies():
    x = pynn.tensor([1.5, 2.5], dtype=BF16, requires_grad=True)
    x.grad = pynn.ones(2, dtype=BF16)
    twin = copy.deepcopy(x)
    assert twin.dtype is BF16
    assert twin.requires_grad
    assert twin.grad.tolist() == [1, 1]
    again = pickle.loads(pickle.dumps(x.detach()))
    assert again.dtype is BF16
    assert again.tolist() == [1.5, 2.5]


def test_sums_are_taken_in_float32():
    x = pynn.ones(4096, dtype=BF16)
    assert x.sum().item() == 4096
    assert x.mean().item() == 1
    assert (x * 0.01).half().sum().item() == pytest.approx(4096 * (x * 0.01)[0].item(), rel=1e-3)


def test_composites_round_once():
    x = pynn.randn(3, 8).bfloat16().requires_grad_()
    query = x.view(1, 3, 8)
    got = pynn.nn.functional.scaled_dot_product_attention(query, query, query)
    wanted = pynn.nn.functional.scaled_dot_product_attention(*[query.detach().float()] * 3)
    assert got.tolist() == wanted.bfloat16().tolist()
    got.sum().backward()
    assert x.grad.dtype is BF16


def test_gradients_to_second_order():
    x = pynn.tensor([1.5, 2.0], dtype=BF16, requires_grad=True)
    (first,) = pynn.autograd.grad((x * x * x).sum(), x, create_graph=True)
    assert first.dtype is BF16
    (second,) = pynn.autograd.grad(first.sum(), x)
    assert second.dtype is BF16
    assert second.tolist() == [9, 12]


def test_mixed_dtypes_give_each_input_its_own():
    x = pynn.randn(2, 3, 4).bfloat16().requires_grad_()
    weight = pynn.ones(3, requires_grad=True)
    out = pynn.nn.functional.batch_norm(x, None, None, weight, training=True)
    assert out.dtype is BF16
    out.square().sum().backward()
    assert (x.grad.dtype, weight.grad.dtype) == (BF16, pynn.float32)
    y = pynn.ones(3, requires_grad=True)
    (pynn.ones(3, dtype=BF16) * y).sum().backward()
    assert y.grad.dtype is pynn.float32


def test_a_broadcast_gradient_is_summed_in_float32():
    bias = pynn.zeros(1, dtype=BF16, requires_grad=True)
    (pynn.ones(1000, 1, dtype=BF16) + bias).sum().backward()
    assert bias.grad.tolist() == [1000]


def test_random_numbers_stay_below_one():
    for dtype in (BF16, pynn.float16):
        x = pynn.rand(20000, dtype=dtype)
        assert x.dtype is dtype
        assert x.max().item() < 1
        assert pynn.empty(20000, dtype=dtype).uniform_().max().item() < 1
        assert abs(pynn.randn(20000, dtype=dtype).float().mean().item()) < 0.05


def test_modules_and_optimizers():
    for name in ("SGD", "Adam", "AdamW", "RMSprop", "Adagrad"):
        pynn.manual_seed(0)
        model = pynn.nn.Sequential(pynn.nn.Linear(4, 8), pynn.nn.ReLU(), pynn.nn.Linear(8, 1)).bfloat16()
        assert all(p.dtype is BF16 for p in model.state_dict().values())
        optimizer = getattr(pynn.optim, name)(
            model.parameters(), lr=0.01, **({"momentum": 0.9} if name == "SGD" else {})
        )
        x, y = pynn.randn(32, 4).bfloat16(), pynn.randn(32, 1).bfloat16()
        losses = []
        for _ in range(20):
            optimizer.zero_grad()
            loss = pynn.nn.functional.mse_loss(model(x), y)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        assert losses[-1] < losses[0], name
        for state in optimizer.state.values():
            for key, value in state.items():
                if isinstance(value, pynn.Tensor) and key != "step":
                    assert value.dtype is BF16, (name, key)
    assert pynn.nn.Linear(2, 2).half().weight.dtype is pynn.float16
    assert pynn.nn.Linear(2, 2).to(BF16).bias.dtype is BF16


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_agrees_with_torch(dtype):
    torch = pytest.importorskip("torch")
    ours, theirs = getattr(pynn, dtype), getattr(torch, dtype)
    rng = numpy.random.default_rng(0)
    values = rng.normal(size=(6, 8)).astype(numpy.float32)
    weights = rng.normal(size=(5, 8)).astype(numpy.float32)

    def run(lib, kind):
        x = lib.tensor(values.tolist()).to(kind).requires_grad_()
        w = lib.tensor(weights.tolist()).to(kind).requires_grad_()
        f = lib.nn.functional
        h = f.gelu(f.linear(x, w))
        out = f.log_softmax(f.layer_norm(h, (5,)), -1)
        (out * out).mean().backward()
        return [t.float().tolist() for t in (out, x.grad, w.grad)] + [
            str(t.dtype).split(".")[1] for t in (out, x.grad, w.grad)
        ]

    for got, wanted in zip(run(pynn, ours), run(torch, theirs)):
        if isinstance(got[0], str):
            assert got == wanted
        else:
            numpy.testing.assert_allclose(got, wanted, rtol=0.05, atol=0.02)
