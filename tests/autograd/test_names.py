"""grad_fn is called what torch calls it."""

import pytest

import pynn
from pynn.nn import functional as F

A = pynn.randn(3, 4, requires_grad=True)
X = pynn.randn(2, 3, 4, 4, requires_grad=True)


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: A + 1, "AddBackward0"),
        (lambda: A @ A.t(), "MmBackward0"),
        (lambda: A @ pynn.ones(4), "MvBackward0"),
        (lambda: A[0] @ A[1], "DotBackward0"),
        (lambda: pynn.bmm(X[0], X[0]), "BmmBackward0"),
        (lambda: A.t(), "TBackward0"),
        (lambda: X.transpose(1, 2), "TransposeBackward0"),
        (lambda: X.permute(1, 2, 3, 0), "PermuteBackward0"),
        (lambda: A[1:], "SliceBackward0"),
        (lambda: A[0], "SelectBackward0"),
        (lambda: A[..., 1], "SelectBackward0"),
        (lambda: A.sum(), "SumBackward0"),
        (lambda: A.sum(0), "SumBackward1"),
        (lambda: A.mean(), "MeanBackward0"),
        (lambda: A.mean(1), "MeanBackward1"),
        (lambda: A.max(0)[0], "MaxBackward0"),
        (lambda: A**2, "PowBackward0"),
        (lambda: A.clamp(0), "ClampBackward1"),
        (lambda: A.double(), "ToCopyBackward0"),
        (lambda: F.linear(A, A), "MmBackward0"),
        (lambda: F.linear(A, pynn.ones(2, 4), pynn.zeros(2, requires_grad=True)), "AddmmBackward0"),
        (lambda: F.conv2d(X, pynn.ones(2, 3, 2, 2)), "ConvolutionBackward0"),
        (lambda: F.conv_transpose2d(X, pynn.ones(3, 2, 2, 2)), "ConvolutionBackward0"),
        (lambda: F.max_pool2d(X, 2), "MaxPool2DWithIndicesBackward0"),
        (lambda: F.avg_pool2d(X, 2), "AvgPool2DBackward0"),
        (lambda: F.batch_norm(X, pynn.zeros(3), pynn.ones(3), training=True), "NativeBatchNormBackward0"),
        (lambda: F.layer_norm(X, (4,)), "NativeLayerNormBackward0"),
        (lambda: F.log_softmax(A, 1), "LogSoftmaxBackward0"),
        (lambda: F.cross_entropy(A, pynn.tensor([0, 1, 2])), "NllLossBackward0"),
        (lambda: F.interpolate(X, scale_factor=2), "UpsampleNearest2DBackward0"),
        (lambda: F.interpolate(X, scale_factor=2, mode="bilinear"), "UpsampleBilinear2DBackward0"),
        (lambda: F.pad(A, (1, 1)), "ConstantPadNdBackward0"),
        (lambda: A.mT.clone(), "CloneBackward0"),
        (lambda: A.clone().fill_(1), "FillBackward2"),
    ],
)
def test_names(call, name):
    node = call().grad_fn
    assert node.name() == name
    assert type(node).__name__ != name
    assert node.__class__.__name__ == name
    assert repr(node).startswith(f"<{name} object at ")


def test_a_users_function_keeps_its_own():
    class Twice(pynn.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g * 2

    assert Twice.apply(A).grad_fn.name() == "TwiceBackward"
