"""The names that annotations of scripts use, as torch.jit.annotations has them: typing's own."""

from concurrent.futures import Future
from typing import Any, Dict, List, Optional, Tuple, Union  # noqa: UP035 -- the names are what is imported from here

__all__ = ["Any", "BroadcastingList1", "BroadcastingList2", "BroadcastingList3", "Dict", "Future", "List", "Optional",
           "Tuple", "Union"]  # fmt: skip

BroadcastingList1 = BroadcastingList2 = BroadcastingList3 = list
