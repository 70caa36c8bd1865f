"""Moving tensors, where new ones lie, and functions that work on the CPU and answer on the GPU."""

import copy
import pickle

import numpy
import pytest

import pynn
from pynn import nn
from tests import gpu


@pytest.fixture(scope="module", autouse=True)
def cupy():
    with gpu.present() as module:
        yield module


def test_gradients_flow_back():
    x = pynn.ones(3, requires_grad=True)
    y = x.cuda() * 2
    (y.cpu() * 3).sum().backward()
    assert not x.grad.is_cuda
    assert x.grad.tolist() == [6.0, 6.0, 6.0]
    assert y.grad_fn.next_functions[0][0].name() == "ToDeviceBackward0"


def test_to():
    x = pynn.arange(3, device="cuda:0")
    assert x.device == pynn.device("cuda", 0)
    assert x.is_cuda
    assert not x.is_cpu
    assert x.get_device() == pynn.get_device(x) == 0
    assert pynn.ones(1).to(x).dtype == pynn.int64
    assert pynn.ones(1).to(x).is_cuda
    assert pynn.ones(1).to(0).is_cuda
    assert pynn.ones(1).type_as(x).is_cuda
    assert x.to("cpu", pynn.float32).tolist() == [0.0, 1.0, 2.0]
    assert pynn.ones(2).copy_(x[:2]).tolist() == [0.0, 1.0]


@pytest.mark.parametrize(
    "make",
    [
        lambda d: pynn.zeros(2, device=d), lambda d: pynn.full((2,), 3.0, device=d), lambda d: pynn.arange(3, device=d),
        lambda d: pynn.tensor([1, 2], device=d), lambda d: pynn.eye(2, device=d), lambda d: pynn.linspace(0, 1, 3, device=d),
        lambda d: pynn.rand(2, device=d), lambda d: pynn.randperm(4, device=d), lambda d: pynn.empty(2, device=d),
        lambda d: pynn.as_tensor(numpy.ones(2), device=d), lambda d: pynn.asarray([1.0], device=d),
        lambda d: pynn.ones_like(pynn.zeros(2), device=d), lambda d: nn.Linear(2, 3, device=d).weight,
    ],
)  # fmt: skip
def test_creation(make):
    assert make("cuda").is_cuda
    assert not make("cpu").is_cuda
    with pynn.device("cuda"):
        assert not make("cpu").is_cuda


def test_default_device():
    x = pynn.ones(2)
    pynn.set_default_device("cuda")
    try:
        assert pynn.get_default_device() == pynn.device("cuda:0")
        assert pynn.zeros(2).is_cuda
        assert nn.LSTM(3, 4)(pynn.randn(5, 2, 3))[0].is_cuda
        for y in (x + 1, x.new_zeros(2), x[[0]], x.clamp(0, 1), pynn.zeros_like(x), x.unique(), x.softmax(0)):
            assert not y.is_cuda
    finally:
        pynn.set_default_device(None)
    with pynn.device("cuda"):
        assert pynn.ones(1).is_cuda
        with pynn.device("cpu"):
            assert not pynn.ones(1).is_cuda
        assert pynn.ones(1).is_cuda
    assert not pynn.ones(1).is_cuda

    @pynn.device("cuda")
    def f():
        return pynn.ones(1)

    assert f().is_cuda


@pytest.mark.parametrize(
    "run",
    [
        lambda x: x.unique(), lambda x: x.nonzero(), lambda x: pynn.bincount(x.long()), lambda x: x.histc(4),
        lambda x: x.median(), lambda x: x.mode().indices, lambda x: x.quantile(0.5), lambda x: pynn.isin(x, x[:2]),
        lambda x: x.repeat_interleave(2), lambda x: x[[0, 1]], lambda x: x[x > 1], lambda x: x.topk(2).indices,
        lambda x: x.index_fill(0, pynn.tensor([0], device=x.device), 1.0), lambda x: pynn.searchsorted(x.sort().values, x),
        lambda x: pynn.bernoulli(x / 8), lambda x: x.multinomial(2), lambda x: x.cummax(0).indices, lambda x: x.isclose(x),
        lambda x: nn.functional.pdist(x.reshape(3, 2)), lambda x: x.masked_scatter(x > 2, x), lambda x: x.flip(0),
    ],
)  # fmt: skip
def test_results_lie_where_the_input_does(run):
    x = pynn.tensor([1.0, 5.0, 2.0, 0.0, 2.0, 3.0])
    pynn.manual_seed(0)
    want = run(x)
    pynn.manual_seed(0)
    got = run(x.cuda())
    assert got.is_cuda
    assert (got.cpu() == want).all()


def test_an_index_may_lie_on_the_cpu_but_not_the_other_way_round():
    x = pynn.arange(6.0).reshape(2, 3)
    assert x.cuda()[pynn.tensor([1])].tolist() == [[3.0, 4.0, 5.0]]
    with pytest.raises(RuntimeError, match=r"indices should be either on cpu or on the same device .*\(cpu\)"):
        x[pynn.tensor([1], device="cuda")]
    there = x.cuda()
    there[pynn.tensor([0]), 1] = 9.0
    there[1] = pynn.zeros(3)
    assert there.tolist() == [[0.0, 9.0, 2.0], [0.0, 0.0, 0.0]]


def test_views_share_memory():
    x = pynn.zeros(3, 4, device="cuda")
    x[1].add_(2)
    x.t().mul_(3)
    x.view(4, 3)[0] = 1
    assert x.tolist() == [[1.0, 1.0, 1.0, 0.0], [6.0, 6.0, 6.0, 6.0], [0.0, 0.0, 0.0, 0.0]]
    y = pynn.ones(4, device="cuda", requires_grad=True)
    z = y * 2
    z[1:3].mul_(5)
    z.sum().backward()
    assert y.grad.tolist() == [2.0, 10.0, 10.0, 2.0]


def test_values_leave_by_cpu_alone():
    x = pynn.arange(3.0, device="cuda")
    with pytest.raises(TypeError, match=r"can't convert cuda:0 device type tensor to numpy\. Use Tensor\.cpu\(\)"):
        x.numpy()
    with pytest.raises(TypeError, match="can't convert cuda:0"):
        numpy.asarray(x)
    assert x.numpy(force=True).tolist() == x.tolist() == [0.0, 1.0, 2.0]
    assert x[1].item() == 1.0
    assert bool(x[1])
    assert repr(x) == "tensor([0., 1., 2.], device='cuda:0')"
    assert repr(x.int()) == "tensor([0, 1, 2], device='cuda:0', dtype=pynn.int32)"


def test_copies_and_pickles_stay():
    x = pynn.arange(6.0, device="cuda", requires_grad=True)
    for y in (copy.deepcopy(x), pickle.loads(pickle.dumps(x)), x.clone()):
        assert y.is_cuda
        assert y.requires_grad
        assert (y == x).all()


def test_other_libraries(cupy):
    x = pynn.arange(4.0, device="cuda")
    assert x.__dlpack_device__() == (2, 0)
    assert x.__cuda_array_interface__["shape"] == (4,)
    a = cupy.zeros(3, "float32")
    for make in (pynn.from_dlpack, pynn.as_tensor, pynn.asarray):
        y = make(a)
        y += 1
        assert y.is_cuda
    assert a.get().tolist() == [3.0, 3.0, 3.0]
    assert pynn.tensor(a).data_ptr() != a.data.ptr
    with pytest.raises(AttributeError, match="non-CUDA tensor"):
        pynn.ones(1).__cuda_array_interface__  # noqa: B018
    with pytest.raises(RuntimeError, match="requires grad"):
        x.requires_grad_().__cuda_array_interface__  # noqa: B018


def test_modules_and_optimizers_follow():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(8, 3)).cuda()
    optimizer = pynn.optim.Adam(model.parameters())
    model(pynn.randn(4, 1, 4, 4, device="cuda")).sum().backward()
    optimizer.step()
    assert all(x.is_cuda for x in (*model.parameters(), *model.buffers()))
    state = optimizer.state_dict()
    model.cpu()
    assert not any(x.is_cuda for x in (*model.parameters(), *model.buffers()))
    assert not next(model.parameters()).grad.is_cuda
    other = pynn.optim.Adam(model.parameters())
    other.load_state_dict(state)
    assert not other.state[model[0].weight]["exp_avg"].is_cuda
    model.to("cuda", pynn.float64)
    assert model[0].weight.dtype == pynn.float64
    assert model[0].weight.is_cuda
    assert model.to_empty(device="cpu")[0].weight.device.type == "cpu"


@pytest.mark.parametrize("name", ["SGD", "Adam", "RMSprop", "Adagrad", "Adadelta", "Adamax", "NAdam", "RAdam", "ASGD", "Rprop"])
def test_optimizers_move_alike(name):
    found = []
    for device in ("cpu", "cuda"):
        pynn.manual_seed(0)
        w = pynn.randn(3, 4).to(device).requires_grad_()
        optimizer = getattr(pynn.optim, name)([w], lr=0.05)
        for _ in range(3):
            optimizer.zero_grad()
            (w * w - w.sin()).sum().backward()
            optimizer.step()
        found.append(w.detach().cpu())
    assert pynn.allclose(*found, rtol=1e-5, atol=1e-6)


def test_autocast_and_scaling():
    x = pynn.ones(2, 2, device="cuda")
    with pynn.autocast("cuda"):
        assert (x @ x).dtype == pynn.float16
        assert pynn.is_autocast_enabled()
        assert not pynn.is_autocast_enabled("cpu")
    with pynn.autocast("cuda", dtype=pynn.bfloat16):
        assert (x @ x).dtype == pynn.bfloat16
        assert pynn.get_autocast_gpu_dtype() == pynn.bfloat16
    w = pynn.ones(2, device="cuda", requires_grad=True)
    optimizer, scaler = pynn.optim.SGD([w], 0.1), pynn.amp.GradScaler("cuda")
    scaler.scale((w * w).sum()).backward()
    scaler.step(optimizer)
    scaler.update()
    assert w.tolist() == pytest.approx([0.8, 0.8])


def test_loaders_pin():
    data = pynn.utils.data.TensorDataset(pynn.arange(8.0), pynn.arange(8))
    for x, y in pynn.utils.data.DataLoader(data, 4, pin_memory=True):
        assert x.is_pinned()
        assert y.is_pinned()
        assert x.to("cuda", non_blocking=True).is_cuda


def test_derivatives_of_higher_order():
    x = pynn.randn(3, device="cuda", dtype=pynn.float64, requires_grad=True)
    (g,) = pynn.autograd.grad((x**3).sum(), x, create_graph=True)
    assert pynn.allclose(pynn.autograd.grad(g.sum(), x)[0], 6 * x)
    assert pynn.autograd.gradcheck(lambda a: (a * a.sin()).sum(), (x,))
    assert pynn.func.jacrev(lambda a: a**2)(x.detach()).is_cuda
    assert pynn.func.vmap(lambda a: a * 2)(x.detach()).is_cuda
