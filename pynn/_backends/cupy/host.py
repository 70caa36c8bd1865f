"""Ops that CuPy has no means for: computed by the CPU's backend on copies, and brought back to the GPU.

The list of them may only shrink: `tests/_backends/host_served.txt` has it too.
"""

from typing import Any

from pynn import _core, _gpu
from pynn.ops.registry import OPS

# Ops by name; "<op>.backward" is the gradient of one.
SERVED = (
    "cholesky_ex",
    "cholesky_inverse",
    "cholesky_solve",
    "geqrf",
    "ldl_factor_ex",
    "ldl_solve",
    "linalg_inv_ex",
    "linalg_pinv",
    "linalg_solve_ex",
    "lstsq",
    "lu_factor_ex",
    "lu_factor_ex.backward",
    "matrix_exp",
    "scatter_reduce",
    "solve_triangular",
)


def _down(value: Any) -> Any:
    if isinstance(value, (tuple, list)):
        return tuple([_down(v) for v in value])
    return value.get() if _core.on_device(value) else value


def _up(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple([_up(v) for v in value])
    return value if value is None or not _core.holds(value) else _gpu.cupy().asarray(value)


def _forward(name: str) -> Any:
    def kernel(*args: Any) -> Any:
        op = OPS[name].op
        count = len(args) - len(OPS[name].attrs)
        arrays, attrs = (args[0], args[1:]) if op.variadic else (args[:count], args[count:])
        copies = _down(tuple(arrays))
        out = _core.compute_on_host(op, copies, attrs)
        for i in _core.written_places(op, copies, attrs):
            arrays[i][...] = _gpu.cupy().asarray(copies[i])
            if out is copies[i]:
                return arrays[i]
        return _up(out)

    return kernel


def _backward(name: str) -> Any:
    def kernel(grad: Any, saved: Any, attrs: Any, needs: int) -> Any:
        return _up(_core.backward_on_host(OPS[name].op, _down(grad), _down(saved), attrs, needs))

    return kernel


def kernels() -> dict[str, Any]:
    """The kernels that serve these ops."""
    return {
        name: _backward(name.removesuffix(".backward")) if name.endswith(".backward") else _forward(name)
        for name in SERVED
    }
