"""torch.__config__'s names: how this installation was built, as text."""

from pynn._config import config, get_num_threads

__all__ = ["parallel_info", "show"]


def show() -> str:
    """Version, compiler, instruction sets and backends, a line each."""
    lines = []
    for key, value in config().items():
        value = ", ".join(f"{k}={v}" for k, v in value.items()) if isinstance(value, dict) else value
        lines.append(f"  - {key}: {', '.join(value) if isinstance(value, list) else value}")
    return "pynn built with:\n" + "\n".join(lines) + "\n"


def parallel_info() -> str:
    """How many threads kernels use."""
    return f"pynn/Parallel:\n\tget_num_threads() : {get_num_threads()}\n\tget_num_interop_threads() : 1\n"
