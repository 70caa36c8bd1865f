"""The names of types that annotations for scripting use, under torch's path."""

from typing import Any, Dict, List, Optional, Tuple, Union  # noqa: UP035 - those are the names asked for

from pynn.jit import Future

BroadcastingList1 = BroadcastingList2 = BroadcastingList3 = list  # one value, or a list of so many

__all__ = [
    "Any", "BroadcastingList1", "BroadcastingList2", "BroadcastingList3", "Dict", "Future", "List", "Optional", "Tuple",
    "Union",
]  # fmt: skip
