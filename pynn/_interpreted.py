"""What `_core.py` takes from C where it is compiled (the text at the head of `_core.pxd`), in plain Python.

The names are put into the module's globals, for Cython lets no Python file assign to a C function.
"""

from typing import Any

from numpy import ndarray


def names(core: dict[str, Any]) -> dict[str, Any]:
    """The functions by name; core: the globals of `_core.py`, its classes defined."""

    def invoke_1(kernel: Any, a: Any) -> Any:
        return kernel(a)

    def invoke_2(kernel: Any, a: Any, b: Any) -> Any:
        return kernel(a, b)

    def invoke(kernel: Any, arrays: tuple[Any, ...], attrs: tuple[Any, ...]) -> Any:
        return kernel(*arrays, *attrs)

    def invoke_on_list(kernel: Any, arrays: tuple[Any, ...], attrs: tuple[Any, ...]) -> Any:
        return kernel(arrays, *attrs)

    def put(arrays: list[Any], i: int, x: Any) -> None:
        arrays[i] = x

    def invoke_backward(kernel: Any, grad: Any, saved: Any, attrs: tuple[Any, ...], needs: int) -> Any:
        return kernel(grad, saved, attrs, needs)

    def blank_tensor() -> Any:
        tensor = core["Tensor"].__new__(core["Tensor"])
        core["set_fields"](tensor, None)
        return tensor

    def blank_node() -> Any:
        return core["Node"](None, None, None, None)

    def blank_version() -> Any:
        return core["Version"]()

    def prepare_blanks(*examples: Any) -> None:
        """Nothing here; compiled, new objects become copies of these."""

    device_arrays: list[Any] = []

    def is_device_array(x: Any) -> bool:
        return bool(device_arrays) and isinstance(x, device_arrays[0])

    def set_device_array(kind: Any) -> None:
        device_arrays[:] = [] if kind is None else [kind]

    def is_array(x: Any) -> bool:
        return isinstance(x, ndarray) or is_device_array(x)

    def has_dtype(array: Any, dtype: Any) -> bool:
        return bool(array.dtype == dtype)

    def equal_shapes(a: Any, b: Any) -> bool:
        return bool(a.shape == b.shape)

    def dims(array: Any) -> int:
        return int(array.ndim)

    return {name: value for name, value in locals().items() if name not in ("core", "device_arrays")}
