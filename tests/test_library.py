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
