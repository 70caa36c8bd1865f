"""`pynn.special`: special functions under torch.special's names.

All take tensors of any dtype (integers give the default float), work element by element, and broadcast where they take
two; those that torch differentiates have gradients of every order. Not here: airy_ai.
"""

from collections.abc import Callable
from typing import Any

from pynn import _lazy
from pynn._core import Tensor, call
from pynn.ops import special as _records
from pynn.ops.out import takes_out as _takes_out
from pynn.ops.pointwise_functions import operand as _operand
from pynn.ops.registry import FUNCTIONS as _FUNCTIONS
from pynn.ops.registry import OPS as _OPS
from pynn.ops.softmax import log_softmax as _log_softmax
from pynn.ops.softmax import softmax as _softmax


def _one(name: str, doc: str) -> Callable[..., Tensor]:
    op = _OPS[name].op

    def function(input: Tensor) -> Tensor:
        return call(op, (_operand(input, name),))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc
    return _takes_out(function, name)


_DOCS = {
    "erfcx": "exp(x^2) erfc(x), right where erfc itself is 0.",
    "ndtr": "The normal distribution function.",
    "ndtri": "The normal distribution's quantile: the inverse of ndtr.",
    "log_ndtr": "log(ndtr(x)), right in both tails.",
    "entr": "-x log(x); 0 at 0 and -inf below.",
    "i0e": "exp(-|x|) i0(x).",
    "i1": "The modified Bessel function of the first kind, of order 1.",
    "i1e": "exp(-|x|) i1(x).",
    "bessel_j0": "The Bessel function of the first kind, of order 0.",
    "bessel_j1": "The Bessel function of the first kind, of order 1.",
    "bessel_y0": "The Bessel function of the second kind, of order 0.",
    "bessel_y1": "The Bessel function of the second kind, of order 1.",
    "modified_bessel_i0": "The modified Bessel function of the first kind, of order 0.",
    "modified_bessel_i1": "The modified Bessel function of the first kind, of order 1.",
    "modified_bessel_k0": "The modified Bessel function of the second kind, of order 0.",
    "modified_bessel_k1": "The modified Bessel function of the second kind, of order 1.",
    "scaled_modified_bessel_k0": "exp(x) modified_bessel_k0(x).",
    "scaled_modified_bessel_k1": "exp(x) modified_bessel_k1(x).",
    "spherical_bessel_j0": "sin(x) / x.",
}
globals().update({_name: _one(_name, _doc) for _name, _doc in _DOCS.items()})
globals().update(
    {_name: _takes_out(_records.with_numbers(_name)) for _name in (*_records.POLYNOMIALS, "zeta", "xlog1py")}
)

# Those that pynn has at its top, some under another name.
_SAME = {
    "digamma": "digamma", "erf": "erf", "erfc": "erfc", "erfinv": "erfinv", "exp2": "exp2", "expit": "sigmoid", "expm1": "expm1",
    "gammainc": "igamma", "gammaincc": "igammac", "gammaln": "lgamma", "i0": "i0", "log1p": "log1p", "logit": "logit",
    "logsumexp": "logsumexp", "multigammaln": "mvlgamma", "polygamma": "polygamma", "psi": "digamma", "round": "round", "sinc": "sinc",
    "xlogy": "xlogy",
}  # fmt: skip
globals().update({_name: _FUNCTIONS[_theirs] for _name, _theirs in _SAME.items()})


def softmax(input: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    """exp(input) divided by its sum along dim."""
    return _softmax(input, dim, dtype=dtype)


def log_softmax(input: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    """log(softmax(input, dim))."""
    return _log_softmax(input, dim, dtype=dtype)


__all__ = sorted((*_DOCS, *_SAME, *_records.POLYNOMIALS, "log_softmax", "softmax", "xlog1py", "zeta"))
__getattr__, __dir__ = _lazy.names(__name__, {})
