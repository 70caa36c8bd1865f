"""torch.utils.flop_counter's name, for programs that make a counter whether or not they count."""

from typing import Any, NoReturn

__all__ = ["FlopCounterMode"]


class FlopCounterMode:
    """A counter of operations that can be made and asked, not entered: nothing is counted so far."""

    def __init__(self, mods: Any = None, depth: int = 2, display: bool = True, custom_mapping: Any = None) -> None:
        self.depth, self.display = depth, display

    def get_total_flops(self) -> int:
        """0, as nothing was run under it."""
        return 0

    def get_flop_counts(self) -> dict[str, dict[Any, int]]:
        """No counts."""
        return {}

    def __enter__(self) -> NoReturn:
        raise NotImplementedError("FlopCounterMode: operations are not counted so far; pynn.profiler times them.")

    def __exit__(self, *exc: Any) -> None:
        """Never reached."""
