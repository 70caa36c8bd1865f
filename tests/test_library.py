"""Operations of one's own."""

import pytest

import pynn
from pynn import library


def test_an_operation_with_a_gradient():
    @library.custom_op("mine::scaled", mutates_args=())
    def scaled(x: pynn.Tensor, y: pynn.Tensor, *, by: float = 2.0) -> pynn.Tensor:
        return pynn.from_numpy(x.detach().numpy() * y.detach().numpy() * by)

    @scaled.register_fake
    def _(x, y, *, by=2.0):
        return pynn.empty_like(x)

    def save(ctx, inputs, output, keyword_only_inputs):
        ctx.save_for_backward(*inputs)
        ctx.by = keyword_only_inputs["by"]

    def backward(ctx, grad):
        x, y = ctx.saved_tensors
        return grad * y * ctx.by, grad * x * ctx.by

    assert scaled(pynn.ones(2), pynn.ones(2)).tolist() == [2, 2]
    library.register_autograd("mine::scaled", backward, setup_context=save)
    x, y = pynn.tensor([1.0, 2.0], requires_grad=True), pynn.tensor([3.0, 4.0], requires_grad=True)
    for op in (scaled, pynn.ops.mine.scaled):
        x.grad = y.grad = None
        op(x, y, by=3.0).sum().backward()
        assert (x.grad.tolist(), y.grad.tolist()) == ([9, 12], [3, 6])


def test_kernels():
    twice = library.custom_op("mine::twice", lambda x: x * 2, mutates_args=())
    twice.register_kernel("cuda")(lambda x: x * 0)
    assert twice(pynn.ones(1)).tolist() == [2]
    library.register_kernel("mine::twice", "cpu", lambda x: x + x + 1)
    assert twice(pynn.ones(1)).tolist() == [3]
    twice.register_autograd(lambda ctx, grad: grad * 2)
    twice.register_kernel("cpu", lambda x: x * 2 + 5)  # the gradient's forward runs it too
    assert twice(pynn.ones(1, requires_grad=True)).tolist() == [7]
    assert library.register_fake("mine::twice")(len) is len
    assert library.register_vmap("mine::twice", len) is twice.register_vmap(len) is len


def test_errors():
    with pytest.raises(ValueError, match="namespace::name"):
        library.custom_op("mine", len, mutates_args=())
    with pytest.raises(RuntimeError, match="no operation 'mine::nothing'"):
        library.register_autograd("mine::nothing", len)
    library.custom_op("mine::here", len, mutates_args=())
    with pytest.raises(AttributeError, match="mine::nothing"):
        pynn.ops.mine.nothing  # noqa: B018
    with pytest.raises(AttributeError, match="no attribute 'nothing_of_mine'"):
        pynn.ops.nothing_of_mine  # noqa: B018


def test_libraries():
    lib = library.Library("filled", "DEF")
    assert lib.define("scaled(Tensor x, float by=2.0) -> Tensor", tags=(pynn.Tag.pt2_compliant_tag,)) == "scaled"
    with pytest.raises(NotImplementedError, match="Could not run 'filled::scaled'"):
        pynn.ops.filled.scaled(pynn.ones(1))
    lib.impl("scaled", lambda x, by=2.0: x * by, "CPU")
    lib.impl("scaled", lambda x, by=2.0: x * 0, "CUDA")
    assert pynn.ops.filled.scaled(pynn.ones(1)).tolist() == [2]
    assert pynn.ops.filled.scaled.default(pynn.ones(1), by=3.0).tolist() == [3]

    @library.impl(lib, "scaled", "CompositeExplicitAutograd")
    def scaled(x, by=2.0):
        return x * by + 1

    assert pynn.ops.filled.scaled(pynn.ones(1)).tolist() == [3]
    library.define("filled::other", "(Tensor x) -> Tensor")
    library.impl("filled::other", "cpu")(lambda x: x + 5)
    library.impl_abstract("filled::other")(len)
    assert pynn.ops.filled.other(pynn.ones(1)).tolist() == [6]
    library.register_autograd("filled::other", lambda ctx, grad: grad * 7)
    x = pynn.ones(1, requires_grad=True)
    pynn.ops.filled.other(x).backward()
    assert x.grad.tolist() == [7]
    with pytest.raises(ValueError, match="Unsupported kind"):
        library.Library("filled", "OTHER")
