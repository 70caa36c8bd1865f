"""Kernels written in CUDA C++ inside Python, as host code: their text becomes a loop that g++ compiles."""

import ctypes
import hashlib
import os
import re
import shutil
import subprocess
import tempfile

import numpy

from tests.cupy_stand_in.array import device_array, ndarray

COMPILER = shutil.which(os.environ.get("CXX", "g++"))
_FOLDER = os.path.join(tempfile.gettempdir(), f"pynn-stand-in-{os.getuid()}")
_TYPES = {
    "bool": "bool", "int8": "signed char", "int16": "short", "int32": "int", "int64": "long long", "uint8": "unsigned char",
    "uint16": "unsigned short", "uint32": "unsigned int", "uint64": "unsigned long long", "float32": "float", "float64": "double",
}  # fmt: skip

# What CUDA C++ has and plain C++ has not.
_HEAD = r"""
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#define __device__
#define __forceinline__ inline
using std::isnan; using std::isinf; using std::isfinite;
template <class T> static inline T max(T a, T b) { return a > b ? a : b; }
template <class T> static inline T min(T a, T b) { return a < b ? a : b; }
static inline unsigned __umulhi(unsigned a, unsigned b) { return (unsigned)(((unsigned long long)a * b) >> 32); }
static inline float rsqrt(float x) { return 1.0f / std::sqrt(x); }
static inline double rsqrt(double x) { return 1.0 / std::sqrt(x); }
static inline int __float_as_int(float x) { int y; std::memcpy(&y, &x, 4); return y; }
static inline float __int_as_float(int x) { float y; std::memcpy(&y, &x, 4); return y; }
static inline long long __double_as_longlong(double x) { long long y; std::memcpy(&y, &x, 8); return y; }
static inline double __longlong_as_double(long long x) { double y; std::memcpy(&y, &x, 8); return y; }
using namespace std;
template <class T> struct Raw {
  T *p; ptrdiff_t n;
  T &operator[](ptrdiff_t i) const { return p[i]; }
  ptrdiff_t size() const { return n; }
};
"""


def compiled(source, name):
    """A function of a library compiled of C++ source, once for each text."""
    key = hashlib.sha256(source.encode()).hexdigest()[:24]
    path = os.path.join(_FOLDER, key + ".so")
    if not os.path.exists(path):
        if COMPILER is None:
            raise RuntimeError("the stand-in for CuPy compiles kernels with g++, which was not found: set CXX")
        os.makedirs(_FOLDER, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=_FOLDER) as here:
            text, built = os.path.join(here, "kernel.cpp"), os.path.join(here, "kernel.so")
            with open(text, "w") as file:
                file.write(source)
            subprocess.run([COMPILER, "-O1", "-std=c++17", "-ffp-contract=off", "-fwrapv", "-w", "-fPIC", "-shared", text, "-o", built], check=True)  # fmt: skip
            os.replace(built, path)
    return getattr(ctypes.CDLL(path), name)


class _Parameter:
    def __init__(self, text):
        words = text.split()
        self.raw = words[0] == "raw"
        self.type, self.name = words[-2:]
        if self.name in ("i", "n") or self.name.startswith("_"):
            raise ValueError(f"Parameter {self.name!r} has a name that CuPy keeps for itself")


def _parameters(text):
    return [_Parameter(part.strip()) for part in text.split(",") if part.strip()]


class ElementwiseKernel:
    """`cupy.ElementwiseKernel`: the same operation on every element, `i` its number."""

    def __init__(
        self, in_params, out_params, operation, name="kernel", reduce_dims=True, preamble="", no_return=False,
        return_tuple=False, doc="", *, loop_prep="", after_loop="", options=(),
    ):  # fmt: skip
        if not re.fullmatch(r"[a-zA-Z_]\w*", name):
            raise ValueError(f"Invalid kernel name: {name!r}")
        self.ins, self.outs = _parameters(in_params), _parameters(out_params)
        self.operation, self.name, self.preamble, self.loop_prep = operation, name, preamble, loop_prep
        self.return_tuple = return_tuple
        self._built = {}

    def _resolve(self, args):
        """The dtype of each type letter, and of each parameter."""
        known = {}
        for p, a in zip([*self.ins, *self.outs], args):
            if isinstance(a, ndarray):
                if p.type in _TYPES:
                    if a.dtype != p.type:
                        raise TypeError(f"Type is mismatched. {p.name} {a.dtype} {p.type}")
                elif known.setdefault(p.type, a.dtype) != a.dtype:
                    raise TypeError(f"Type is mismatched. {p.name} {a.dtype} {known[p.type]}")
            elif not isinstance(a, (bool, int, float, numpy.generic)):
                raise TypeError(f"Unsupported type {type(a)}")
        return known, [numpy.dtype(p.type) if p.type in _TYPES else known[p.type] for p in [*self.ins, *self.outs]]

    def __call__(self, *args, size=None, block_size=128, stream=None):
        count = len(self.ins)
        if len(args) not in (count, count + len(self.outs)):
            raise TypeError(f"Wrong number of arguments for {self.name!r}: takes {count}, got {len(args)}")
        known, kinds = self._resolve(args)
        shapes = [a.shape for p, a in zip([*self.ins, *self.outs], args) if isinstance(a, ndarray) and not p.raw]
        shape = numpy.broadcast_shapes(*shapes) if size is None else (size,)
        for p, a in zip(self.outs, args[count:]):
            if not p.raw and a.shape != shape:
                raise ValueError(f"Out shape is mismatched: {a.shape} for {shape}")
        given = list(args)
        for kind in kinds[len(args) :]:
            given.append(ndarray(shape, kind))
        held, pointers, sizes = [], [], []
        for p, a, kind in zip([*self.ins, *self.outs], given, kinds):
            if isinstance(a, ndarray):
                host = a._host if p.raw else numpy.broadcast_to(a._host, shape)
                part = numpy.array(host, order="C")
            else:
                part = numpy.array(a).astype(kind)
            held.append(part)
            pointers.append(part.ctypes.data)
            sizes.append(part.size)
        total = int(numpy.prod(shape))
        key = tuple(k.name for k in kinds), tuple(isinstance(a, ndarray) for a in given)
        if total and key not in self._built:
            self._built[key] = compiled(self._source(known, kinds, key[1]), "run")
        if total:
            self._built[key](
                ctypes.c_longlong(total), (ctypes.c_void_p * len(pointers))(*pointers), (ctypes.c_longlong * len(sizes))(*sizes)
            )
        for a, part in zip(given[count:], held[count:]):
            a._host[...] = part
        outs = given[count:]
        return outs[0] if len(outs) == 1 and not self.return_tuple else tuple(outs)

    def _source(self, known, kinds, arrays):
        lines = [_HEAD, *[f"typedef {_TYPES[d.name]} {letter};" for letter, d in known.items()]]
        lines += [f"typedef {c} {n};" for n, c in _TYPES.items() if n != "bool"]
        lines += [self.preamble, 'extern "C" void run(long long _n, void **_p, long long *_s) {', "long long i = 0;", self.loop_prep]
        lines.append("for (i = 0; i < _n; ++i) {")
        for place, (p, kind, is_array) in enumerate(zip([*self.ins, *self.outs], kinds, arrays)):
            c = _TYPES[kind.name]
            const = "const " if place < len(self.ins) else ""
            if p.raw:
                lines.append(f"Raw<{const}{c}> {p.name}{{({const}{c} *)_p[{place}], (ptrdiff_t)_s[{place}]}};")
            else:
                lines.append(f"{const}{c} &{p.name} = (({const}{c} *)_p[{place}])[{'i' if is_array else '0'}];")
        lines += [self.operation, ";", "}", "}"]
        return "\n".join(lines)


class cupyx:
    """`cupyx`: the names that pynn uses of it."""

    @staticmethod
    def rsqrt(x):
        return device_array(1 / numpy.sqrt(x._host))
