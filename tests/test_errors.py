"""Errors of the basic operations: torch's type and, in essence, its words; pynn adds what was received and how to mend it."""

import numpy
import pytest

import pynn

# (what is done, the error's type, what torch 2.13 and pynn both say)
SHARED = [
    ("lib.ones(3) + lib.ones(2)", RuntimeError, r"The size of tensor a \(3\) must match the size of tensor b \(2\) at non-singleton dimension 0"),
    ("lib.ones(3).add_(lib.ones(2, 3))", RuntimeError, r"output with shape \[3\] doesn't match the broadcast shape \[2, 3\]"),
    ("lib.ones(3, dtype=int).add_(1.5)", RuntimeError, "can't be cast to the desired output type"),
    ("lib.ones(3) + None", TypeError, "unsupported operand type"),
    ("lib.add(lib.ones(3), 'a')", TypeError, r"add\(\): argument 'other' \(position 2\) must be Tensor"),
    ("lib.ones(3, 2) @ lib.ones(3, 2)", RuntimeError, r"mat1 and mat2 shapes cannot be multiplied \(3x2 and 3x2\)"),
    ("lib.ones(3).view(2, 2)", RuntimeError, r"shape '\[2, 2\]' is invalid for input of size 3"),
    ("lib.ones(3, 2).t().view(6)", RuntimeError, "is not compatible with input tensor's size and stride"),
    ("lib.ones(3).reshape(-1, -1)", RuntimeError, "only one dimension can be inferred"),
    ("lib.ones(3).item()", RuntimeError, "a Tensor with 3 elements cannot be converted to Scalar"),
    ("bool(lib.ones(3))", RuntimeError, "Boolean value of Tensor with more than one value is ambiguous"),
    ("bool(lib.ones(0))", RuntimeError, "Boolean value of Tensor with no values is ambiguous"),
    ("lib.ones(3, requires_grad=True).numpy()", RuntimeError, r"Can't call numpy\(\) on Tensor that requires grad. Use tensor.detach\(\).numpy\(\)"),
    ("lib.ones(3).sum(5)", IndexError, r"Dimension out of range \(expected to be in range of \[-1, 0\], but got 5\)"),
    ("lib.ones(3, dtype=int).mean()", RuntimeError, r"mean\(\): could not infer output dtype"),
    ("lib.cat([lib.ones(2, 3), lib.ones(3, 2)])", RuntimeError, "Sizes of tensors must match except in dimension 0. Expected size 3 but got size 2"),
    ("lib.stack([lib.ones(2), lib.ones(3)])", RuntimeError, r"stack expects each tensor to be equal size, but got \[2\] at entry 0 and \[3\] at entry 1"),
    ("lib.cat(lib.ones(2), lib.ones(2))", TypeError, r"cat\(\): argument 'tensors' \(position 1\) must be tuple of Tensors, not Tensor"),
    ("lib.stack(lib.ones(2), lib.ones(2))", TypeError, r"stack\(\): argument 'tensors' \(position 1\) must be tuple of Tensors, not Tensor"),
    ("lib.utils.data.TensorDataset(numpy.ones(3))", TypeError, None),
    ("lib.tensor(numpy.array([1, None]))", TypeError, "can't convert"),
    ("lib.tensor([[1, 2], [3]])", ValueError, r"expected sequence of length 2 at dim 1 \(got 1\)"),
    ("lib.tensor('abc')", TypeError, None),
    ("lib.zeros(-1)", RuntimeError, "(?i)negative"),
    ("lib.arange(3, 0)", RuntimeError, "upper bound and lower bound inconsistent with step sign"),
    ("len(lib.tensor(1))", TypeError, r"len\(\) of a 0-d tensor"),
    ("list(lib.tensor(1))", TypeError, "iteration over a 0-d tensor"),
    ("lib.ones(3).expand(4)", RuntimeError, r"The expanded size of the tensor \(4\) must match the existing size \(3\) at non-singleton dimension 0"),
    ("lib.ones(3).permute(0, 1)", RuntimeError, "number of dimensions in the tensor input does not match the length of the desired ordering"),
    ("lib.ones(2, 2).gather(1, lib.tensor([[5]]))", RuntimeError, "index 5 is out of bounds for dimension 1 with size 2"),
    ("lib.from_numpy([1])", TypeError, r"expected np.ndarray \(got list\)"),
    ("lib.ones(3).to('foo')", RuntimeError, "device type at start of device string"),
    ("range(3)[lib.tensor(1.5)]", TypeError, "only integer tensors of a single element can be converted to an index"),
    ("lib.clamp(lib.ones(2))", RuntimeError, "At least one of 'min' or 'max' must not be None"),
    ("lib.tensor([2]) ** -1", RuntimeError, "Integers to negative integer powers are not allowed"),
    ("lib.zeros(0).max()", RuntimeError, "Expected reduction dim to be specified for input.numel"),
    ("lib.zeros(0).argmax()", IndexError, "Expected reduction dim to be specified for input.numel"),
    ("~lib.ones(2)", TypeError, "is only implemented on integer and Boolean-type tensors"),
    ("lib.ones(2) & lib.ones(2)", NotImplementedError, None),
    ("1.0 - (lib.ones(2) > 0)", RuntimeError, "Subtraction, the `-` operator, with a bool tensor is not supported"),
    ("(lib.ones(2) > 0) - (lib.ones(2) > 0)", RuntimeError, "Subtraction, the `-` operator, with two bool tensors is not supported"),
    ("-(lib.ones(2) > 0)", RuntimeError, "Negation, the `-` operator, on a bool tensor is not supported"),
    ("lib.ones(2).fill_(lib.ones(2))", RuntimeError, "fill_ only supports 0-dimension value tensor but got tensor with 1 dimensions"),
    ("lib.ones(2).dtype_name", AttributeError, "has no attribute 'dtype_name'"),
    ("lib.randint(5, 5, (2,))", RuntimeError, "expects 'from' to be less than 'to', but got from=5 >= to=5"),
    ("lib.ones(2, 3).split(0)", RuntimeError, None),
    ("lib.ones(2, 3).split([1, 3], 1)", RuntimeError, "split_with_sizes expects split_sizes to sum exactly to 3"),
    ("lib.ones(3).narrow(0, 2, 5)", RuntimeError, r"start \(2\) \+ length \(5\) exceeds dimension size \(3\)"),
    ("lib.ones(3, dtype=lib.int64).normal_()", NotImplementedError, "not implemented for"),
    ("lib.ones(3).uniform_(3, 1)", RuntimeError, r"uniform_ expects to return a \[from, to\) range, but found from=3 > to=1"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "error", "message"), SHARED)
def test_shared_errors(lib, code, error, message):
    with pytest.raises(error, match=message):
        eval(code, {"lib": lib, "numpy": numpy})


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        ("pynn.ones(3) + pynn.ones(2)", r"got shapes \[3\] and \[2\]"),
        ("pynn.ones(3, 2) @ pynn.ones(3, 2)", "the last size of the first, 2, must equal 3"),
        ("pynn.ones(3, 2).t().view(6)", r"Use .reshape\(...\) instead"),
        ("pynn.ones(3, dtype=int).mean()", r"Convert it first, for example with .float\(\)"),
        ("pynn.ones(3).item()", r"Use .tolist\(\), or reduce it first"),
        ("bool(pynn.ones(3))", r"Use .any\(\) or .all\(\)"),
        ("pynn.ones(3, requires_grad=True).add_(1)", r"with pynn.no_grad\(\)"),
        ("pynn.ones(3)[::-1]", r"Use flip\(\) to reverse"),
        ("pynn.ones(3).to('cuda')", "Use device='cpu'"),
        ("pynn.ones(2, dtype='nope')", "dtype must be a pynn dtype such as pynn.float32"),
    ],
)
def test_pynn_says_how_to_mend_it(code, hint):
    with pytest.raises((RuntimeError, TypeError, ValueError, IndexError), match=hint):
        eval(code, {"pynn": pynn})
