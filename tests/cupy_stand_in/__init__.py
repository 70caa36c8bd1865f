"""A stand-in for CuPy over NumPy, for machines without a GPU: the names of CuPy that pynn uses, and CuPy's behaviour.

Where CuPy differs from NumPy it does as CuPy: its array is no numpy.ndarray and refuses to become one but by `.get()`;
0-d results are arrays; host arrays do not mix with its own; indices beyond the end wrap around; memory has an address, a
pool and a stream, but no `writeable` flag; what CuPy lacks is missing here. `installed()` puts it in CuPy's place.
"""

import contextlib
import sys

import numpy

from tests.cupy_stand_in import cuda, kernels, linalg
from tests.cupy_stand_in.array import asarray, asnumpy, device_array, get_array_module, lifted, ndarray

__version__ = "14.2.0"
ElementwiseKernel = kernels.ElementwiseKernel
get_default_memory_pool, get_default_pinned_memory_pool = cuda.get_default_memory_pool, cuda.get_default_pinned_memory_pool
__all__ = ["asarray", "asnumpy", "cuda", "get_array_module", "installed", "linalg", "ndarray"]

array = asarray
bool_, inf, nan, newaxis, pi = numpy.bool_, numpy.inf, numpy.nan, None, numpy.pi
dtype, finfo, iinfo = numpy.dtype, numpy.finfo, numpy.iinfo
for _name in ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32", "float64", "intp"]:
    globals()[_name] = getattr(numpy, _name)

# Functions that CuPy has under NumPy's names and with their meaning.
NAMES = ["abs", "absolute", "acos", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctan2", "arctanh", "left_shift", "right_shift", "acosh", "add", "all", "amax", "amin", "any", "append", "arange", "argmax", "argmin", "argsort", "array_equal", "asin", "asinh", "astype", "atan", "atan2", "atanh", "atleast_1d", "atleast_2d", "bincount", "bitwise_and", "bitwise_left_shift", "bitwise_or", "bitwise_right_shift", "bitwise_xor", "broadcast_arrays", "broadcast_to", "cbrt", "ceil", "clip", "concat", "concatenate", "copysign", "cos", "cosh", "count_nonzero", "cross", "cumprod", "cumsum", "deg2rad", "diag", "diagonal", "diff", "divide", "divmod", "dot", "einsum", "empty", "empty_like", "equal", "exp", "exp2", "expand_dims", "expm1", "eye", "fabs", "flatnonzero", "flip", "floor", "floor_divide", "fmax", "fmin", "fmod", "frexp", "full", "full_like", "gcd", "greater", "greater_equal", "heaviside", "hypot", "i0", "identity", "invert", "isclose", "isfinite", "isin", "isinf", "isnan", "isneginf", "isposinf", "kron", "lcm", "ldexp", "less", "less_equal", "linspace", "log", "log10", "log1p", "log2", "logaddexp", "logaddexp2", "logical_and", "logical_not", "logical_or", "logical_xor", "matmul", "max", "maximum", "mean", "median", "meshgrid", "min", "minimum", "mod", "modf", "moveaxis", "multiply", "nan_to_num", "nansum", "negative", "nextafter", "nonzero", "not_equal", "ones", "ones_like", "outer", "pad", "partition", "permute_dims", "pow", "power", "prod", "rad2deg", "ravel", "reciprocal", "remainder", "repeat", "reshape", "rint", "roll", "rollaxis", "round", "searchsorted", "shares_memory", "may_share_memory", "sign", "signbit", "sin", "sinc", "sinh", "sort", "split", "sqrt", "square", "squeeze", "stack", "std", "subtract", "sum", "swapaxes", "take", "take_along_axis", "tan", "tanh", "tensordot", "tile", "trace", "transpose", "tri", "tril", "true_divide", "triu", "tril_indices", "triu_indices", "trunc", "unique", "unwrap", "var", "vstack", "hstack", "where", "zeros", "zeros_like", "ascontiguousarray"]
for _name in NAMES:
    globals()[_name] = lifted(getattr(numpy, _name), _name)


def _made(function, name):
    def make(shape, dtype=float, order="C"):
        cuda.check(int(numpy.prod(shape)) * numpy.dtype(dtype).itemsize)
        return device_array(function(shape, dtype, order))

    make.__name__ = name
    return make


empty, zeros, ones = _made(numpy.empty, "empty"), _made(numpy.zeros, "zeros"), _made(numpy.ones, "ones")


def copyto(dst, src, casting="same_kind", where=None):
    """Write src into dst, an array of the device; src may be a number, or another array of the device."""
    if not isinstance(dst, ndarray):
        raise TypeError("dst must be cupy.ndarray")
    if isinstance(src, numpy.ndarray) and src.ndim:
        raise TypeError("Unsupported type <class 'numpy.ndarray'>")
    given = {} if where is None else {"where": where._host}
    numpy.copyto(dst._host, src._host if isinstance(src, ndarray) else src, casting=casting, **given)


def from_dlpack(array, *, device=None, copy=None):
    """An array over another library's memory on the device."""
    if array.__dlpack_device__()[0] != 2:
        raise BufferError("CPU arrays cannot be directly imported to CuPy. Use `cupy.array(numpy.from_dlpack(input))` instead.")
    return array.view() if isinstance(array, ndarray) else array._standing_for


def is_available():
    """Whether there is a GPU: the stand-in plays one."""
    return True


def get_default_device_id():
    """The number of the device in use."""
    return cuda.Device().id


class _Lib:
    class stride_tricks:
        @staticmethod
        def as_strided(x, shape=None, strides=None):
            return device_array(numpy.lib.stride_tricks.as_strided(x._host, shape, strides), x)


lib = _Lib


@contextlib.contextmanager
def installed():
    """CuPy's place taken by the stand-in, and pynn's GPU backends found anew; all as before afterwards."""
    from pynn import _gpu

    before = {name: sys.modules.get(name) for name in ("cupy", "cupy.cuda", "cupy.linalg", "cupyx")}
    here = sys.modules[__name__]
    sys.modules.update({"cupy": here, "cupy.cuda": cuda, "cupy.linalg": linalg, "cupyx": kernels.cupyx})
    cuda.reset()
    _gpu.forget()
    try:
        yield here
    finally:
        for name, module in before.items():
            if module is None:
                sys.modules.pop(name, None)
            else:
                sys.modules[name] = module
        _gpu.forget()
