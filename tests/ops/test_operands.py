"""What operators and out= do with operands of other kinds, as in torch."""

import operator

import pytest

import pynn


class Reflecting:
    """An operand that answers for itself."""

    def __rand__(self, other):
        return "and"

    def __rfloordiv__(self, other):
        return "floordiv"

    def __rmod__(self, other):
        return "mod"

    def __rpow__(self, other):
        return "pow"

    def __le__(self, other):
        return "le"


@pytest.mark.parametrize(("op", "expected"), [
    (operator.and_, "and"), (operator.floordiv, "floordiv"), (operator.mod, "mod"), (operator.pow, "pow"),
    (operator.ge, "le"),
])  # fmt: skip
def test_operators_leave_strangers_to_their_reflected_methods(op, expected):
    assert op(pynn.tensor([1, 2]), Reflecting()) == expected


@pytest.mark.parametrize("op", [
    operator.and_, operator.or_, operator.xor, operator.lshift, operator.rshift, operator.floordiv, operator.mod,
    operator.pow, operator.lt, operator.le, operator.gt, operator.ge,
])  # fmt: skip
def test_operators_refuse_what_answers_nothing(op):
    with pytest.raises(TypeError):
        op(pynn.tensor([1, 2]), object())
    with pytest.raises(TypeError):
        op(object(), pynn.tensor([1, 2]))


@pytest.mark.parametrize("name", ["neg", "abs", "floor", "ceil", "round", "trunc", "sign", "frac"])
def test_functions_that_keep_the_dtype_want_it_of_out(name):
    with pytest.raises(RuntimeError):
        getattr(pynn, name)(pynn.tensor([0.5]), out=pynn.empty(1, dtype=pynn.float64))


def test_empty_tensors_that_cat_skips_count_for_the_dtype():
    empty = pynn.tensor([], dtype=pynn.float64)
    assert pynn.cat([pynn.ones(2, 2), empty]).dtype == pynn.float64
    assert pynn.cat([pynn.tensor([1, 2]), pynn.tensor([])]).dtype == pynn.float32


def test_searchsorted_takes_other_dtypes_than_the_boundaries():
    found = pynn.searchsorted(pynn.tensor([1, 2]), pynn.tensor([1.5, 0.5]))
    assert found.tolist() == [1, 0]
