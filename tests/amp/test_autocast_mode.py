"""autocast: dtypes by operation, nesting, the cache of casts, gradients, threads."""

import threading

import pytest

import pynn
from pynn.amp import autocast_mode

F = pynn.nn.functional
BF16 = pynn.bfloat16


def test_products_run_in_bfloat16():
    x, w = pynn.randn(4, 4), pynn.randn(4, 4)
    with pynn.autocast("cpu"):
        assert (x @ w).dtype is BF16
        assert F.linear(x, w).dtype is BF16
        assert F.conv2d(x[None, None], pynn.randn(1, 1, 3, 3)).dtype is BF16
        assert pynn.bmm(x[None], w[None]).dtype is BF16
        assert pynn.einsum("ij,jk->ik", x, w).dtype is BF16
        assert F.scaled_dot_product_attention(x[None], x[None], x[None]).dtype is BF16
        assert pynn.nn.LSTM(4, 4)(x[:, None])[0].dtype is BF16
        assert (x.double() @ w.double()).dtype is pynn.float64
    assert (x @ w).dtype is pynn.float32


def test_losses_run_in_float32():
    b = pynn.rand(4, 4).bfloat16()
    target = pynn.tensor([0, 1, 2, 3])
    with pynn.autocast("cpu"):
        for loss in (F.mse_loss, F.l1_loss, F.smooth_l1_loss, F.huber_loss, F.binary_cross_entropy_with_logits):
            assert loss(b, b).dtype is pynn.float32, loss.__name__
        assert F.cross_entropy(b, target).dtype is pynn.float32
        assert F.nll_loss(b, target).dtype is pynn.float32
        assert F.kl_div(b, b, reduction="sum").dtype is pynn.float32
        assert F.poisson_nll_loss(b, b).dtype is pynn.float32
        assert b.prod().dtype is pynn.float32


def test_the_rest_keeps_its_dtype_or_promotes():
    x, b = pynn.randn(4, 4), pynn.randn(4, 4).bfloat16()
    with pynn.autocast("cpu"):
        for f in (
            lambda t: t.softmax(-1),
            lambda t: t.sum(),
            lambda t: t.exp(),
            lambda t: F.layer_norm(t, (4,)),
            F.gelu,
        ):
            assert f(b).dtype is BF16
            assert f(x).dtype is pynn.float32
        assert (x + b).dtype is pynn.float32
        assert pynn.cat([x, b]).dtype is pynn.float32
        assert pynn.stack([x, b]).dtype is pynn.float32


def test_agrees_with_torch():
    torch = pytest.importorskip("torch")

    def dtypes(lib):
        f = lib.nn.functional
        x = lib.rand(4, 4)
        b = x.bfloat16()
        index = lib.tensor([0, 1, 2, 3])
        with lib.autocast("cpu"):
            out = [
                x @ x, f.linear(x, x), lib.softmax(b, -1), f.log_softmax(x, -1), b.sum(), b.exp(), b**2, b.norm(), b.prod(),
                f.mse_loss(b, b), f.cross_entropy(b, index), f.nll_loss(b, index), f.l1_loss(b, b), x + b, lib.cat([x, b]),
                f.cosine_similarity(b, b), f.cosine_embedding_loss(b, b, lib.ones(4)), f.avg_pool2d(b[None, None], 2),
                lib.cdist(b, b), f.gelu(b), f.soft_margin_loss(b, b), lib.addmm(x, x, x), f.layer_norm(b, (4,)),
                lib.nn.GRU(4, 4)(x[:, None])[0], lib.nn.RNN(4, 4)(x[:, None])[0],
                lib.nn.MultiheadAttention(4, 2)(x[:, None], x[:, None], x[:, None])[0],
                f.prelu(x, lib.rand(1)), lib.trace(b), x.mv(x[0]), x[0].dot(x[0]), lib.addmv(x[0], x, x[0]),
                f.max_pool3d(b[None, None], 1), f.adaptive_avg_pool3d(b[None, None], 1), f.pad(b[None], (1, 1), "reflect"),
                f.adaptive_max_pool3d(b[None, None], 1), f.pad(b[None], (1, 1), "replicate"),
                f.pad(b[None], (1, 1), "circular"), f.pad(b, (1, 1)), lib.index_copy(x, 0, index, b),
                lib.baddbmm(x[None], x[None], x[None]), lib.linalg.vecdot(x, x), lib.stack([x, b]),
            ]  # fmt: skip
        return [str(t.dtype).partition(".")[2] for t in out]

    assert dtypes(pynn) == dtypes(torch)


def test_gradients_come_in_the_leaves_dtype_and_agree():
    pynn.manual_seed(0)
    model = pynn.nn.Sequential(pynn.nn.Linear(8, 16), pynn.nn.ReLU(), pynn.nn.Linear(16, 3))
    x, y = pynn.randn(32, 8), pynn.randint(0, 3, (32,))
    F.cross_entropy(model(x), y).backward()
    full = [p.grad.clone() for p in model.parameters()]
    model.zero_grad()
    with pynn.autocast("cpu"):
        out = model(x)
        assert out.dtype is BF16
        loss = F.cross_entropy(out, y)
    loss.backward()
    for p, g in zip(model.parameters(), full):
        assert p.grad.dtype is pynn.float32
        assert pynn.allclose(p.grad, g, rtol=0.1, atol=0.01)


def test_nesting_and_switching_off():
    x = pynn.randn(2, 2)
    with pynn.autocast("cpu"):
        with pynn.autocast("cpu", enabled=False):
            assert (x @ x).dtype is pynn.float32
            assert not pynn.is_autocast_enabled("cpu")
        with pynn.autocast("cpu", dtype=pynn.float16):
            assert (x @ x).dtype is pynn.float16
            assert pynn.get_autocast_dtype("cpu") is pynn.float16
        assert (x @ x).dtype is BF16
        assert pynn.is_autocast_enabled("cpu")
    assert not pynn.is_autocast_enabled("cpu")
    assert pynn._core.state.autocast is None


def test_leaves_no_mode_behind_when_the_body_raises():
    with pytest.raises(ZeroDivisionError), pynn.autocast("cpu"):
        1 / 0  # noqa: B018
    assert not pynn.is_autocast_enabled("cpu")
    assert pynn.randn(2, 2).matmul(pynn.randn(2, 2)).dtype is pynn.float32


def test_as_a_decorator():
    @pynn.autocast("cpu")
    def f(x, depth=2):
        """Doc."""
        return f(x, depth - 1) if depth else x @ x

    assert f(pynn.randn(2, 2)).dtype is BF16
    assert f.__doc__ == "Doc."
    assert not pynn.is_autocast_enabled("cpu")


def cached():
    return len(autocast_mode._mode.cache)


def test_weights_are_cast_once_a_context():
    w, x = pynn.randn(4, 4, requires_grad=True), pynn.randn(2, 4)
    with pynn.autocast("cpu"):
        (x @ w).sum().backward()
        (x @ w).sum().backward()
        assert cached() == 1
        with pynn.autocast("cpu"):
            x @ w
        assert cached() == 1
    assert cached() == 0
    assert pynn.allclose(w.grad, (2 * x.bfloat16().float().sum(0))[:, None].expand(4, 4), atol=0.1)
    with pynn.autocast("cpu", cache_enabled=False):
        x @ w
        assert cached() == 0


@pytest.mark.parametrize(
    "write",
    [
        lambda w, opt: opt.step(),
        lambda w, opt: w.data.fill_(2.0),
        lambda w, opt: setattr(w, "data", pynn.full((4, 4), 2.0)),
        lambda w, opt: w.detach().mul_(3.0),
        lambda w, opt: w.detach()[0].fill_(5.0),
        lambda w, opt: pynn.nn.init.constant_(w, 4.0),
        lambda w, opt: w.data.copy_(pynn.ones(4, 4)),
    ],
    ids=["step", "data.fill_", "data =", "detach", "view", "init", "data.copy_"],
)
def test_every_write_invalidates_the_cast(write):
    w, x = pynn.nn.Parameter(pynn.randn(4, 4)), pynn.randn(2, 4)
    optimizer = pynn.optim.SGD([w], lr=0.5)
    with pynn.autocast("cpu"):
        (x @ w).sum().backward()
        write(w, optimizer)
        got = x @ w
        wanted = x.bfloat16() @ w.detach().bfloat16()
    assert got.tolist() == wanted.tolist()


def test_a_cast_made_without_grad_is_not_used_with_it():
    w, x = pynn.randn(4, 4, requires_grad=True), pynn.randn(2, 4)
    with pynn.autocast("cpu"):
        with pynn.no_grad():
            assert not (x @ w).requires_grad
        assert (x @ w).requires_grad


def test_other_threads_are_not_affected():
    seen = []
    with pynn.autocast("cpu"):
        thread = threading.Thread(target=lambda: seen.append((pynn.ones(2, 2) @ pynn.ones(2, 2)).dtype))
        thread.start()
        thread.join()
    assert seen == [pynn.float32]


def test_unsupported_uses():
    with pytest.warns(UserWarning, match="CUDA is not available"), pynn.autocast("cuda"):
        assert (pynn.ones(2, 2) @ pynn.ones(2, 2)).dtype is pynn.float32
    with pytest.warns(UserWarning, match="not supported. Disabling"), pynn.autocast("cpu", dtype=pynn.float32):
        assert not pynn.is_autocast_enabled("cpu")
    with pytest.raises(RuntimeError, match="unsupported autocast device_type"):
        pynn.autocast("abacus")
    with pytest.raises(ValueError, match="device_type"):
        pynn.autocast(1)


def test_switches_and_other_names():
    try:
        pynn.set_autocast_enabled("cpu", True)
        assert pynn.is_autocast_cpu_enabled()
        assert (pynn.ones(2, 2) @ pynn.ones(2, 2)).dtype is BF16
    finally:
        pynn.set_autocast_enabled("cpu", False)
    assert not pynn.is_autocast_enabled()
    assert pynn.get_autocast_gpu_dtype() is pynn.float16
    assert pynn.is_autocast_cache_enabled()
    assert pynn.amp.is_autocast_available("cpu")


def test_the_devices_own_names(lib):
    with pytest.warns(FutureWarning, match=r"cpu.amp.autocast\(args...\)` is deprecated. Please use"), lib.cpu.amp.autocast():
        assert (lib.ones(2, 2) @ lib.ones(2, 2)).dtype is lib.bfloat16
    with pytest.warns(FutureWarning, match="cuda.amp.autocast"), lib.cuda.amp.autocast(enabled=False):
        assert (lib.ones(2, 2) @ lib.ones(2, 2)).dtype is lib.float32
    with pytest.warns(FutureWarning, match="cuda.amp.GradScaler"):
        assert not lib.cuda.amp.GradScaler(enabled=False).is_enabled()


def test_custom_functions():
    seen = []

    class Product(pynn.autograd.Function):
        @staticmethod
        @pynn.amp.custom_fwd(device_type="cpu")
        def forward(ctx, a, b):
            ctx.save_for_backward(a, b)
            return a @ b

        @staticmethod
        @pynn.amp.custom_bwd(device_type="cpu")
        def backward(ctx, g):
            seen.append(pynn.is_autocast_enabled("cpu"))
            a, b = ctx.saved_tensors
            return (g @ b.t()).float(), (a.t() @ g).float()

    class Wide(pynn.autograd.Function):
        @staticmethod
        @pynn.amp.custom_fwd(device_type="cpu", cast_inputs=pynn.float32)
        def forward(ctx, a):
            seen.append((a.dtype, pynn.is_autocast_enabled("cpu")))
            return a * 2

        @staticmethod
        @pynn.amp.custom_bwd(device_type="cpu")
        def backward(ctx, g):
            return g * 2

    x = pynn.randn(3, 3, requires_grad=True)
    with pynn.autocast("cpu"):
        out = Product.apply(x, x)
        assert out.dtype is BF16
        Wide.apply(x.bfloat16())
    out.sum().backward()
    assert seen == [(pynn.float32, False), True]
    assert x.grad.dtype is pynn.float32
