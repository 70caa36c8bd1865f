"""The compiled kernels' bindings: one function an op and backward, called with arrays by the backend's table."""

from typing import Any

def __getattr__(name: str) -> Any: ...
