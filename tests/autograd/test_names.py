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
        (lambda: pynn.ones(3) @ A, "SqueezeBackward4"),
        (lambda: X @ X.mT, "UnsafeViewBackward0"),
        (lambda: X[0] @ pynn.ones(4), "UnsafeViewBackward0"),
        (lambda: A.unsqueeze(1), "UnsqueezeBackward0"),
        (lambda: A[:, None], "UnsqueezeBackward0"),
        (lambda: A.unsqueeze(1).squeeze(1), "SqueezeBackward1"),
        (lambda: A.view(1, 3, 1, 4).squeeze(), "SqueezeBackward0"),
        (lambda: A.view(4, 3), "ViewBackward0"),
        (lambda: A.std(1), "StdBackward0"),
        (lambda: A.exp().sqrt(), "SqrtBackward0"),
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
        (lambda: F.linear(X, A), "UnsafeViewBackward0"),
        (lambda: F.linear(X, A, A.sum(1)), "ViewBackward0"),
        (lambda: F.cross_entropy(A, pynn.tensor([0, 1, 2]), label_smoothing=0.1), "AddBackward0"),
        (lambda: F.cross_entropy(A, pynn.tensor([0, 1, 2]), reduction="none"), "NllLossBackward0"),
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
        (lambda: 2**A, "PowBackward2"),
        (lambda: A.abs() ** A, "PowBackward1"),
        (lambda: A % 2, "RemainderBackward0"),
        (lambda: A % A, "RemainderBackward1"),
        (lambda: A.lerp(A, A), "LerpBackward1"),
        (lambda: A.div(2, rounding_mode="floor"), "DivBackward2"),
        (lambda: A.round(decimals=1), "RoundBackward1"),
        (lambda: A.deg2rad(), "Deg2RadBackward0"),
        (lambda: pynn.special.i0e(A), "SpecialI0EBackward0"),
        (lambda: pynn.special.xlog1py(A, A), "SpecialXlog1PyBackward0"),
        (lambda: F.l1_loss(A, A), "MeanBackward0"),
        (lambda: F.l1_loss(A, A, reduction="none"), "AbsBackward0"),
        (lambda: F.kl_div(A, A.exp(), reduction="sum"), "SumBackward0"),
        (lambda: F.cross_entropy(X, pynn.zeros(2, 4, 4, dtype=pynn.int64)), "NllLoss2DBackward0"),
        (lambda: F.pad(X, (1, 1, 1, 1), mode="reflect"), "ReflectionPad2DBackward0"),
        (lambda: F.pad(X[0], (1, 1), mode="replicate"), "ReplicationPad1DBackward0"),
        (lambda: F.interpolate(X, scale_factor=2, mode="bicubic"), "UpsampleBicubic2DBackward0"),
        (lambda: F.max_pool3d(X[None], 2), "MaxPool3DWithIndicesBackward0"),
        (lambda: F.softsign(A), "DivBackward0"),
        (lambda: F.selu(A), "EluBackward0"),
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
