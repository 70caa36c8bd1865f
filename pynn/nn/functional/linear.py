"""Linear maps, with torch.nn.functional's signatures."""

from pynn._core import Tensor, call
from pynn.ops.grouped import grouped_mm
from pynn.ops.halves import rounded_once
from pynn.ops.linalg import LINEAR
from pynn.ops.out import store

__all__ = ["bilinear", "grouped_mm", "linear"]


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None, *, out: Tensor | None = None) -> Tensor:
    """input @ weight.T + bias.

    input (..., in_features), weight (out_features, in_features), bias (out_features): (..., out_features).
    Raises RuntimeError where sizes or dtypes differ.
    """
    result = call(LINEAR, (input, weight, bias), (None,))
    return result if out is None else store(out, result, "linear")


@rounded_once
def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """y_k = input1^T weight_k input2 + bias_k.

    input1 (..., in1), input2 (..., in2), weight (out, in1, in2), bias (out): (..., out).
    Raises RuntimeError where leading or feature sizes differ.
    """
    lead, (out, in1, in2) = input1._array.shape[:-1], weight._array.shape
    if input2._array.shape[:-1] != lead:
        raise RuntimeError(
            f"bilinear(): input batch dimensions do not match: got shapes {list(input1.shape)} and "
            f"{list(input2.shape)}."
        )
    for name, x, size in (("input1", input1, in1), ("input2", input2, in2)):
        if x._array.shape[-1] != size:
            raise RuntimeError(
                f"bilinear(): {name} size does not match weight size: got {x._array.shape[-1]} but expected {size}, "
                f"for weight of shape {[out, in1, in2]}."
            )
    rows = weight.permute(1, 0, 2).reshape(in1, out * in2)
    product = (input1.reshape(-1, in1) @ rows).reshape(-1, out, in2) * input2.reshape(-1, 1, in2)
    result = product.sum(-1).reshape((*lead, out))
    return result if bias is None else result + bias
