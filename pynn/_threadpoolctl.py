"""pynn's thread pool for threadpoolctl: `threadpool_info()` lists it and `threadpool_limits` sets its size."""

import ctypes
from typing import Any


def register(threadpoolctl: Any) -> None:
    """Make libpynn known to the module threadpoolctl; old versions that cannot be told of more libraries are let be."""
    if not hasattr(threadpoolctl, "register"):
        return

    class PynnController(threadpoolctl.LibController):  # type: ignore[misc]
        """The pool behind pynn's kernels; its size holds for the whole process, as pynn.set_num_threads."""

        user_api = internal_api = "pynn"
        filename_prefixes = ("libpynn",)
        check_symbols = ("pynn_get_num_threads", "pynn_set_num_threads", "pynn_version")

        def get_num_threads(self) -> int:
            return int(self.dynlib.pynn_get_num_threads())

        def set_num_threads(self, num_threads: int) -> None:
            self.dynlib.pynn_set_num_threads(num_threads)

        def get_version(self) -> str:
            version = self.dynlib.pynn_version
            version.restype = ctypes.c_char_p
            return str(version().decode())

    threadpoolctl.register(PynnController)
