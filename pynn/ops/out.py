# ruff: noqa: SIM905  (a list of names reads best as one text)
"""`out=`: results written into a tensor that the caller has, for every function that takes it in torch.

A function called often takes `out=None` itself and ends in `return result if out is None else store(out, result)`:
a comparison is all that costs. Any other function of torch's that takes out= needs nothing: `export` (and `complete`,
for a module's own table) wraps the public function by `takes_out`, going by the names below; the method, which
takes no out= in torch, and callers inside pynn keep the bare function.
"""

import warnings
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import numpy

from pynn import _core
from pynn._core import Tensor
from pynn._dtypes import from_numpy
from pynn.ops.overlap import arrays_in, refuse_overlap

Out = TypeVar("Out")

# What takes out= in torch 2.13 (`torch.<name>`), apart from what pynn has no form of.
TAKES_OUT = frozenset(
    """
    abs absolute acos acosh add addbmm addcdiv addcmul addmm addmv addr all amax amin aminmax angle any arange
    arccos arccosh arcsin arcsinh arctan arctan2 arctanh argmax argmin argsort asin asinh atan atan2 atanh baddbmm
    bernoulli bitwise_and bitwise_left_shift bitwise_not bitwise_or bitwise_right_shift bitwise_xor bmm bucketize
    cat ceil chain_matmul cholesky cholesky_inverse cholesky_solve clamp clamp_max clamp_min clip column_stack
    concat concatenate conj_physical copysign cos cosh cross cummax cummin cumprod cumsum deg2rad diag diff digamma
    div divide dot dstack empty eq erf erfc erfinv exp exp2 expm1 eye fix float_power floor floor_divide fmax fmin
    fmod frac frexp frobenius_norm full gather gcd ge geqrf ger greater greater_equal gt hardshrink heaviside histc
    histogram hstack hypot i0 igamma igammac index_add index_copy index_reduce index_select inner inverse isin
    isneginf isposinf kron kthvalue lcm ldexp le lerp less less_equal lgamma linspace log log10 log1p log2
    log_softmax logaddexp logaddexp2 logcumsumexp logical_and logical_not logical_or logical_xor logit logspace
    logsumexp lt lu_solve lu_unpack masked_select matmul matrix_power max maximum mean median min minimum mm mode
    msort mul multinomial multiply mv mvlgamma nan_to_num nanmean nanmedian nanquantile nansum narrow_copy ne neg
    negative nextafter nonzero norm normal not_equal nuclear_norm ones orgqr ormqr outer polygamma pow prod qr
    quantile rad2deg rand randint randn randperm range reciprocal remainder renorm round row_stack rsqrt scatter
    scatter_add scatter_reduce searchsorted sgn sigmoid sign signbit sin sinc sinh slice_scatter slogdet softmax sort sqrt square
    stack std sub subtract sum svd take take_along_dim tan tanh tensordot topk triangular_solve tril triu
    true_divide trunc var vdot vstack where xlogy zeros
    """.split()
)

# Functions that make tensors: out says the dtype, unless the call does, and is resized without a word.
MAKERS = frozenset("arange empty eye full linspace logspace ones rand randint randn randperm range zeros".split())

# Where the dtype is not given, these take it from out, and compute in it.
DTYPE_OF_OUT = MAKERS | {"cumprod", "cumsum", "nansum", "prod", "sum"}

# These convert nothing: out must have the result's dtype.
SAME_DTYPE = frozenset(
    """
    abs absolute addbmm addmm addmv addr all amax amin aminmax any argmax argmin argsort baddbmm bmm bucketize ceil
    chain_matmul clamp clamp_max clamp_min clip conj_physical cross cummax cummin diag dot fix floor frac frexp gather
    hardshrink index_add index_copy index_select inner isin isneginf isposinf kthvalue log_softmax masked_select
    matmul max median min mm mode msort multinomial mv nan_to_num nanmedian nanquantile neg negative nonzero norm quantile round
    scatter scatter_add scatter_reduce searchsorted sgn sign signbit softmax sort take take_along_dim tensordot topk
    tril triu trunc vdot where
    """.split()
)


def castable(source: numpy.dtype[Any], target: numpy.dtype[Any]) -> bool:
    """Whether torch writes values of one dtype into a tensor of another: not floats into integers, nor those into bool."""
    return _RANK[source.kind] <= _RANK[target.kind]


_RANK = {"b": 0, "u": 1, "i": 1, "f": 2, "V": 2}


# These compute their result before they write it, in torch too: out may share memory with what they read.
UNCHECKED = frozenset(
    """
    all amax amin any argmax argmin avg_pool2d avg_pool3d bmm bucketize chain_matmul cholesky cholesky_inverse
    cholesky_solve cummax cummin diag dot frobenius_norm geqrf inner inverse linear log_softmax logsigmoid logsumexp
    lu_solve lu_unpack matmul matrix_power mean median mm mv mvlgamma nanmean nanmedian nanquantile nansum norm
    nuclear_norm orgqr ormqr prod qr quantile searchsorted slogdet softmax std sum svd tensordot tril triu var vdot
    """.split()
)

# These write while they read the rest: out may be no argument of theirs. Of the second group, it may be the first one.
APART = frozenset(
    """
    cat column_stack concat concatenate cross dstack gather hstack index_select masked_select nonzero row_stack stack
    take take_along_dim vstack
    """.split()
)
APART_BUT_FIRST = frozenset("index_add index_copy index_reduce scatter scatter_add scatter_reduce".split())


def _refuse_inputs(out: Any, name: str, inputs: Iterable[Any]) -> None:
    """RuntimeError where out shares memory with a function's arguments in a way it does not allow."""
    for target in arrays_in((out,)):
        read = arrays_in(inputs)
        if name in APART_BUT_FIRST:
            refuse_overlap(name, target, read[:1])
            refuse_overlap(name, target, read[1:], apart=True)
        else:
            refuse_overlap(name, target, read, apart=name in APART)


def store(out: Out, result: Any, name: str | None = None, *inputs: Any) -> Out:
    """Write a function's result into what the caller gave as `out=`, and return that.

    out: a tensor, or, for a function with several results, a tuple of as many. One of another shape is resized, with
        a UserWarning unless it is empty, and keeps its dtype.
    inputs: the function's arguments, of which out may be no part.
    Raises TypeError where out is no tensor; RuntimeError where the result's dtype cannot be cast to out's, where the
    result or out requires grad, and where out's elements share memory with each other (an expanded tensor) or the inputs.
    """
    if inputs and name not in UNCHECKED:
        _refuse_inputs(out, name or "", inputs)
    if isinstance(result, tuple):
        several: Out = _store_several(out, result, name)
        return several
    called = f"{name}(): " if name else ""
    if not isinstance(out, Tensor):
        raise TypeError(f"{called}argument 'out' must be Tensor, not {type(out).__name__}.")
    if not isinstance(result, Tensor):
        raise TypeError(f"{called}got out= but the result is a {type(result).__name__}. Leave out= out.")
    if _core.is_grad_enabled() and (result.requires_grad or (out.requires_grad and _core.is_floating(result._array))):
        raise RuntimeError(
            f"{called}functions with out=... arguments don't support automatic differentiation, but one of the arguments "
            "requires grad. Call it without out=, or inside `with pynn.no_grad():`."
        )
    have, want = result._array.dtype, out._array.dtype
    if have != want:
        if name in SAME_DTYPE:
            raise RuntimeError(
                f"{called}Expected out tensor to have dtype {from_numpy(have)}, but got {from_numpy(want)} instead."
            )
        if not castable(have, want) and name != "bernoulli":  # whose 0 and 1 every dtype holds
            raise RuntimeError(
                f"{called}result type {from_numpy(have)} can't be cast to the desired output type {from_numpy(want)}. "
                "Give an out tensor of the result's dtype."
            )
    if out._array.shape != result._array.shape:
        _resize(out, result._array.shape, name in MAKERS)
    with _no_grad():
        _core.METHODS["copy_"](out, result)
    return out


def _no_grad() -> Any:
    from pynn.autograd import no_grad

    return no_grad()


def _resize(out: Tensor, shape: tuple[int, ...], quietly: bool) -> None:
    """Give an out tensor another shape: in its own memory where that is enough, else in new memory; its values are lost."""
    array = out._array
    if array.size and not quietly:
        warnings.warn(
            f"An output with one or more elements was resized since it had shape {list(array.shape)}, which does not match "
            f"the required output shape {list(shape)}. Give an out tensor of that shape, or an empty one.",
            UserWarning,
            stacklevel=4,
        )
    count = 1
    for n in shape:
        count *= n
    if array.flags.c_contiguous and 0 < count <= array.size:
        _core.bump(out)
        _core.set_array(out, array.reshape(-1)[:count].reshape(shape))
    else:
        _core.set_array(out, numpy.empty(shape, array.dtype))


def _store_several(out: Any, result: tuple[Any, ...], name: str | None) -> Any:
    if not isinstance(out, (tuple, list)) or len(out) != len(result):
        got = f"{len(out)} of them" if isinstance(out, (tuple, list)) else type(out).__name__
        raise TypeError(f"{name}(): argument 'out' must be a tuple of {len(result)} Tensors, got {got}.")
    stored: Any = [store(o, r, name) for o, r in zip(out, result)]
    kind: Any = type(result)
    return kind._make(stored) if hasattr(kind, "_make") else kind(stored)


def undiverted(f: Any) -> Any:
    """What a function runs that `pynn._torch_function` has asking first; any other itself."""
    return f.__wrapped__ if "_ask" in (getattr(f, "__kwdefaults__", None) or ()) else f


def has_out(f: Callable[..., Any]) -> bool:
    """Whether a function names `out` among its parameters."""
    code = getattr(undiverted(f), "__code__", None)
    return code is not None and "out" in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]


def takes_out(f: Callable[..., Any], name: str | None = None) -> Callable[..., Any]:
    """The function f, with an argument `out=` besides its own; without it, f's own call and nothing more.

    name: what the function is called in torch, where that decides what dtypes out may have; default f's own.
    """
    called = name or f.__name__
    adopts = called in DTYPE_OF_OUT

    def function(*args: Any, out: Any = None, **kwargs: Any) -> Any:
        if out is None:
            return f(*args, **kwargs)
        if adopts and isinstance(out, Tensor):
            given = kwargs.get("dtype")
            if given is None:
                kwargs["dtype"] = from_numpy(out._array.dtype)
            elif given is not from_numpy(out._array.dtype):
                raise RuntimeError(f"dtype {given} does not match dtype of out parameter ({out.dtype}) in {called}().")
        return store(out, f(*args, **kwargs), called, *args, *kwargs.values())

    function.__name__, function.__qualname__, function.__module__ = called, called, f.__module__
    function.__doc__ = f.__doc__
    function.__wrapped__ = f  # type: ignore[attr-defined]
    return function


def complete(table: dict[str, Any], names: Iterable[str]) -> None:
    """Give `out=` to the functions of a table (a module's globals) that stand under these names and have none."""
    for name in names:
        f = table.get(name)
        if f is not None and not has_out(f):
            table[name] = takes_out(f, name)
