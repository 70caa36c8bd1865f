"""The array of the stand-in: a NumPy array that NumPy cannot see."""

import functools
import math

import numpy

from tests.cupy_stand_in import cuda

_SCALARS = (bool, int, float, complex, numpy.generic)
# Keywords that NumPy's reductions take and CuPy's do not.
_UNKNOWN = {"initial", "where", "subok", "like", "order"}
_NOT_IN = {name: {"initial", "where"} for name in ("sum", "prod", "max", "min", "amax", "amin", "mean", "any", "all", "std", "var")}


class Flags:
    """What CuPy says of an array's memory."""

    def __init__(self, flags):
        self.c_contiguous, self.f_contiguous, self.owndata = flags.c_contiguous, flags.f_contiguous, flags.owndata
        self.fnc, self.forc = flags.fnc, flags.forc

    def __getitem__(self, name):
        return {"C_CONTIGUOUS": self.c_contiguous, "F_CONTIGUOUS": self.f_contiguous, "OWNDATA": self.owndata}[name]


def refused(x):
    """TypeError, in CuPy's words, for an array of the host among arguments."""
    raise TypeError(f"Unsupported type {type(x)}")


def device_array(host, owner=None):
    """A NumPy array as an array of the device; owner: the array whose memory it lies over, if any."""
    made = ndarray.__new__(ndarray)
    if owner is not None:
        made._memory = owner._memory
        made.base = owner if owner.base is None else owner.base
    else:
        made._memory = cuda.allocate(host.nbytes)
        made.base = None
    made._host = host
    return made


def _fresh(host):
    """A new array from a result of NumPy's, in memory of its own."""
    host = numpy.asarray(host)
    if host.base is not None or not (host.flags.c_contiguous or host.flags.f_contiguous):
        host = host.copy(order="K")
    return device_array(host)


def lower(value):
    """A value with the device's arrays in it as NumPy's; TypeError for arrays of the host."""
    if isinstance(value, ndarray):
        return value._host
    if isinstance(value, numpy.ndarray):
        refused(value)
    if isinstance(value, (list, tuple)) and any(isinstance(v, (ndarray, numpy.ndarray)) for v in value):
        return type(value)([lower(v) for v in value])
    return value


def _sources(value, found):
    if isinstance(value, ndarray):
        found.append(value)
    elif isinstance(value, (list, tuple)):
        for v in value:
            _sources(v, found)
    return found


def lift(result, sources):
    """A result of NumPy's as the device's: an array over an argument's memory where it is one, else a new one."""
    if isinstance(result, tuple):
        parts = [lift(r, sources) for r in result]
        return type(result)(*parts) if hasattr(result, "_fields") else tuple(parts)
    if isinstance(result, list):
        return [lift(r, sources) for r in result]
    if isinstance(result, numpy.generic):
        return device_array(numpy.array(result))
    if not isinstance(result, numpy.ndarray):
        return result
    for source in sources:
        if result is source._host:
            return source
        if numpy.may_share_memory(result, source._host) and (result.base is not None or result.size):
            return device_array(result, source)
    return _fresh(result)


def lifted(function, name):
    """A function of NumPy's over arrays of the device."""

    @functools.wraps(function, assigned=("__name__", "__doc__"), updated=())
    def call(*args, **kwargs):
        if name == "where" and len(args) == 1:
            pass
        unknown = _NOT_IN.get(name, set()) & kwargs.keys()
        if unknown:
            raise TypeError(f"{name}() got an unexpected keyword argument {unknown.pop()!r}")
        sources = _sources(list(args) + list(kwargs.values()), [])
        out = kwargs.get("out")
        with numpy.errstate(all="ignore"):  # a GPU raises no floating point warnings
            result = function(*[lower(a) for a in args], **{k: lower(v) for k, v in kwargs.items()})
        return out if isinstance(out, ndarray) else lift(result, sources)

    if isinstance(function, numpy.ufunc):
        call.at = functools.partial(_ufunc_at, function)
        call.accumulate = functools.partial(_ufunc_accumulate, function)
        call.reduce = functools.partial(_ufunc_reduce, function)
    return call


_AT_DTYPES = {
    "add": ("int32", "int64", "float16", "float32", "float64", "uint32", "uint64"),
    "subtract": ("int32", "uint32"),
    "maximum": ("int32", "int64", "float32", "float64", "uint32", "uint64"),
    "minimum": ("int32", "int64", "float32", "float64", "uint32", "uint64"),
}


def _ufunc_at(function, a, indices, b=None):
    allowed = _AT_DTYPES.get(function.__name__)
    if allowed is None:
        raise NotImplementedError(f"`cupy_{function.__name__}.at` is not supported yet")
    if a.dtype.name not in allowed:
        raise TypeError(f"cupy.{function.__name__}.at only supports {', '.join(allowed)} as data type")
    function.at(a._host, a._index(indices), lower(b) if not isinstance(b, numpy.ndarray) else b)


def _ufunc_accumulate(function, a, axis=0, dtype=None, out=None):
    if function.__name__ not in ("add", "multiply"):
        raise NotImplementedError(f"`cupy_{function.__name__}.accumulate` is not supported yet")
    return _fresh(function.accumulate(a._host, axis, dtype))


def _ufunc_reduce(function, a, axis=0, dtype=None, out=None, keepdims=False):
    if function.__name__ not in ("add", "multiply"):
        raise NotImplementedError(f"`cupy_{function.__name__}.reduce` is not supported yet")
    return _fresh(function.reduce(a._host, axis, dtype, keepdims=keepdims))


def asarray(a, dtype=None, copy=None, order="C", subok=False, ndmin=0, *, blocking=False):
    """An array of the device from anything: a copy of what lies on the host."""
    if isinstance(a, ndarray):
        same = (dtype is None or a.dtype == dtype) and not copy
        return a if same else a.astype(dtype or a.dtype)
    if hasattr(a, "__cuda_array_interface__"):
        return a._standing_for
    if isinstance(a, (list, tuple)) and _sources(a, []):
        return _fresh(numpy.array([x._host if isinstance(x, ndarray) else x for x in a], dtype))
    cuda.check(getattr(a, "nbytes", 0))
    host = numpy.array(a, dtype, order=order if order != "A" else "K", ndmin=ndmin)
    if host.dtype.kind not in "biufcV" or (host.dtype.kind == "V" and host.dtype.name != "bfloat16"):
        raise ValueError(f"Unsupported dtype {host.dtype}")
    return device_array(host)


def asnumpy(a, stream=None, order="C", out=None, *, blocking=True):
    """A copy on the host."""
    return a.get() if isinstance(a, ndarray) else numpy.asarray(a)


def get_array_module(*args):
    """This module where an argument is one of its arrays, else NumPy."""
    import tests.cupy_stand_in

    return tests.cupy_stand_in if any(isinstance(a, ndarray) for a in args) else numpy


class ndarray:
    """`cupy.ndarray`: `ndarray(shape, dtype, memptr, strides, order)` has uninitialised memory unless memptr is given."""

    __array_priority__ = 100

    def __init__(self, shape, dtype=float, memptr=None, strides=None, order="C"):
        shape = (shape,) if isinstance(shape, int) else tuple(shape)
        dtype = numpy.dtype(dtype)
        if memptr is None:
            self._memory = cuda.allocate(math.prod(shape) * dtype.itemsize)
            self._host = numpy.empty(shape, dtype, order=order)
        else:
            self._memory = memptr.mem
            self._host = numpy.ndarray(shape, dtype, memptr.buffer(), 0, strides, order)
        self.base = None

    # ---- what it says of itself ----

    dtype = property(lambda self: self._host.dtype)
    strides = property(lambda self: self._host.strides)
    ndim = property(lambda self: self._host.ndim)
    size = property(lambda self: self._host.size)
    itemsize = property(lambda self: self._host.itemsize)
    nbytes = property(lambda self: self._host.nbytes)
    flags = property(lambda self: Flags(self._host.flags))
    T = property(lambda self: self.transpose())
    mT = property(lambda self: self.swapaxes(-1, -2))
    real = property(lambda self: self)
    data = property(lambda self: cuda.MemoryPointer(self))
    device = property(lambda self: self._memory.device)

    @property
    def shape(self):
        return self._host.shape

    @shape.setter
    def shape(self, shape):
        self._host.shape = shape

    @property
    def __cuda_array_interface__(self):
        return {
            "shape": self.shape, "typestr": self.dtype.str, "descr": self.dtype.descr, "stream": 1, "version": 3,
            "strides": None if self.flags.c_contiguous else self.strides, "data": (self.data.ptr, False),
        }  # fmt: skip

    def __dlpack__(self, *, stream=None, max_version=None, dl_device=None, copy=None):
        return self._host.__dlpack__()

    def __dlpack_device__(self):
        return (2, self.device.id)

    # ---- to the host ----

    def __array__(self, dtype=None, copy=None):
        raise TypeError(
            "Implicit conversion to a NumPy array is not allowed. Please use `.get()` to construct a NumPy array explicitly."
        )

    def get(self, stream=None, order="C", out=None, blocking=True):
        copy = numpy.array(self._host, order="K" if order == "A" else order)
        if out is None:
            return copy
        out[...] = copy
        return out

    def set(self, arr, stream=None):
        if arr.dtype != self.dtype:
            raise TypeError(f"{arr.dtype!r} array cannot be set to {self.dtype!r} array")
        if arr.shape != self.shape:
            raise ValueError(f"Shape mismatch. Old shape: {self.shape}, new shape: {arr.shape}")
        self._host[...] = arr

    def item(self):
        return self._host.item()

    def tolist(self):
        return self._host.tolist()

    def tobytes(self, order="C"):
        return self._host.tobytes(order)

    def __bool__(self):
        return bool(self._host)

    def __int__(self):
        return int(self._host)

    def __float__(self):
        return float(self._host)

    def __index__(self):
        return self._host.__index__()

    def __len__(self):
        return len(self._host)

    def __repr__(self):
        return repr(self._host)

    def __iter__(self):
        return iter([self[i] for i in range(len(self))])

    __hash__ = None

    def __reduce__(self):
        return asarray, (self.get(),)

    def __deepcopy__(self, memo):
        return self.copy()

    # ---- NumPy's functions on it are CuPy's ----

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        import tests.cupy_stand_in as cupy

        out = kwargs.pop("out", ())
        if len(out) > 1:
            raise ValueError("The 'out' parameter must have exactly one array value")
        function = getattr(cupy, ufunc.__name__, None)
        if function is None:
            return NotImplemented
        if method != "__call__":
            if not hasattr(function, method):
                return NotImplemented
            function = getattr(function, method)
        if ufunc.__name__ in ("greater", "greater_equal", "less", "less_equal", "equal", "not_equal"):
            inputs = tuple(x.item() if isinstance(x, numpy.ndarray) and x.ndim == 0 else x for x in inputs)
        for x in (*inputs, *out):
            if not isinstance(x, (*_SCALARS, ndarray, numpy.ndarray)):
                return NotImplemented
            if isinstance(x, numpy.ndarray):
                refused(x)
        result = function(*inputs, **kwargs)
        if not out:
            return result
        out[0][...] = result
        return out[0]

    def __array_function__(self, function, types, args, kwargs):
        import tests.cupy_stand_in as cupy

        found = cupy
        for part in (*function.__module__.split(".")[1:], function.__name__):
            found = getattr(found, part, None)
        if found is None or not all(issubclass(t, (ndarray, numpy.ndarray)) for t in types):
            return NotImplemented
        return found(*args, **kwargs)

    # ---- indexing ----

    def _index(self, index):
        """An index for NumPy: arrays of the host are taken too; integers beyond the end of an array of them wrap around."""
        parts = list(index) if isinstance(index, tuple) else [index]
        parts = [p._host if isinstance(p, ndarray) else numpy.asarray(p) if isinstance(p, (list, tuple)) else p for p in parts]
        parts = [p.astype(numpy.int64) if isinstance(p, numpy.ndarray) and p.size == 0 and p.dtype.kind == "f" else p for p in parts]
        taken = sum(p.ndim if isinstance(p, numpy.ndarray) and p.dtype.kind == "b" else 1 for p in parts if p is not None and p is not Ellipsis and not isinstance(p, bool))
        axis, out = 0, []
        for p in parts:
            if p is None or isinstance(p, (bool, numpy.bool_)):
                out.append(p)
                continue
            if p is Ellipsis:
                axis += self.ndim - taken
            elif isinstance(p, numpy.ndarray):
                if p.dtype.kind not in "biu":
                    raise IndexError(f"arrays used as indices must be of integer or boolean type (actual: {p.dtype.type})")
                if p.dtype.kind == "b":
                    axis += p.ndim - 1
                elif axis < self.ndim and self.shape[axis]:
                    p = p % self.shape[axis]
                axis += 1
            else:
                axis += 1
            out.append(p)
        return tuple(out)

    def __getitem__(self, index):
        found = self._host[self._index(index)]
        if isinstance(found, numpy.generic):  # one element: a 0-d view
            place = self._index(index)
            if all(isinstance(p, (int, numpy.integer)) for p in place):
                return device_array(self._host[(*place, Ellipsis)], self)
            return device_array(numpy.array(found))
        return device_array(found, self) if numpy.may_share_memory(found, self._host) and found.size else _fresh(found)

    def __setitem__(self, index, value):
        place = self._index(index)
        if isinstance(value, numpy.ndarray) and not any(isinstance(p, numpy.ndarray) for p in place):
            if place == (slice(None),):
                if value.shape != self.shape or value.dtype != self.dtype:
                    raise ValueError("copying a numpy.ndarray to a cupy.ndarray by empty slice assignment must ensure arrays have same shape and dtype")
            elif value.ndim:
                raise ValueError("non-scalar numpy.ndarray cannot be used for fill")
        with numpy.errstate(all="ignore"):
            self._host[place] = value._host if isinstance(value, ndarray) else value

    def take(self, indices, axis=None, out=None):
        indices = indices._host if isinstance(indices, ndarray) else numpy.asarray(indices)
        return _fresh(self._host.take(indices, axis, mode="wrap"))

    def fill(self, value):
        if isinstance(value, numpy.ndarray):
            if value.ndim:
                raise ValueError("non-scalar numpy.ndarray cannot be used for fill")
            value = value.item()
        self._host.fill(value._host if isinstance(value, ndarray) else value)

    def scatter_add(self, slices, value):
        _ufunc_at(numpy.add, self, slices, value)

    # ---- copies and views ----

    def astype(self, dtype, order="K", casting=None, subok=None, copy=True):
        if not copy and self.dtype == dtype:
            return self
        with numpy.errstate(all="ignore"):
            return device_array(self._host.astype(dtype, order=order))

    def copy(self, order="C"):
        return device_array(self._host.copy(order=order))

    def view(self, dtype=None, array_class=None):
        return device_array(self._host.view() if dtype is None else self._host.view(dtype), self)

    def reduced_view(self, dtype=None):
        return self

    def reshape(self, *shape, order="C"):
        return lift(self._host.reshape(*[lower(s) for s in shape], order=order), [self])

    def ravel(self, order="C"):
        return lift(self._host.ravel(order), [self])

    def flatten(self, order="C"):
        return _fresh(self._host.flatten(order))

    def transpose(self, *axes):
        return device_array(self._host.transpose(*axes), self)

    def swapaxes(self, a, b):
        return device_array(self._host.swapaxes(a, b), self)

    def squeeze(self, axis=None):
        return device_array(self._host.squeeze(axis), self)

    def diagonal(self, offset=0, axis1=0, axis2=1):
        return device_array(numpy.diagonal(self._host, offset, axis1, axis2), self)

    def sort(self, axis=-1):
        self._host.sort(axis, kind="stable")


def _method(name):
    function = getattr(numpy, name)

    def method(self, *args, **kwargs):
        return lifted(function, name)(self, *args, **kwargs)

    method.__name__ = name
    return method


for _name in ["all", "any", "argmax", "argmin", "argsort", "clip", "cumprod", "cumsum", "dot", "max", "mean", "min", "nonzero", "prod", "repeat", "round", "std", "sum", "trace", "var", "searchsorted"]:
    setattr(ndarray, _name, _method(_name))


def _operator(name, function, reflected=False):
    def operate(self, other):
        if getattr(other, "__array_ufunc__", ndarray) is None:
            return NotImplemented
        if isinstance(other, numpy.ndarray):
            refused(other)
        if not isinstance(other, (ndarray, *_SCALARS)):
            return NotImplemented
        a, b = (other, self) if reflected else (self, other)
        return lifted(function, function.__name__)(a, b)

    operate.__name__ = name
    return operate


def _in_place(name, function):
    def operate(self, other):
        if isinstance(other, numpy.ndarray):
            refused(other)
        with numpy.errstate(all="ignore"):
            function(self._host, lower(other), out=self._host, casting="same_kind")
        return self

    operate.__name__ = name
    return operate


for _name, _function in {
    "add": numpy.add, "sub": numpy.subtract, "mul": numpy.multiply, "truediv": numpy.true_divide, "floordiv": numpy.floor_divide,
    "mod": numpy.remainder, "pow": numpy.power, "and": numpy.bitwise_and, "or": numpy.bitwise_or, "xor": numpy.bitwise_xor,
    "lshift": numpy.left_shift, "rshift": numpy.right_shift, "matmul": numpy.matmul,
}.items():  # fmt: skip
    setattr(ndarray, f"__{_name}__", _operator(f"__{_name}__", _function))
    setattr(ndarray, f"__r{_name}__", _operator(f"__r{_name}__", _function, True))
    if _name != "matmul":
        setattr(ndarray, f"__i{_name}__", _in_place(f"__i{_name}__", _function))
for _name, _function in {
    "lt": numpy.less, "le": numpy.less_equal, "gt": numpy.greater, "ge": numpy.greater_equal, "eq": numpy.equal, "ne": numpy.not_equal,
}.items():  # fmt: skip
    setattr(ndarray, f"__{_name}__", _operator(f"__{_name}__", _function))
for _name, _function in {"neg": numpy.negative, "abs": numpy.abs, "invert": numpy.invert, "pos": numpy.positive}.items():
    setattr(ndarray, f"__{_name}__", lambda self, f=_function: lifted(f, f.__name__)(self))
