"""torch.return_types' names: the types of results with fields, such as `max` along a dimension returns."""

from collections.abc import Callable
from typing import Any

import pynn

_CALLS: dict[str, Callable[[], Any]] = {
    "max": lambda: pynn.max(pynn.ones(1), 0),
    "min": lambda: pynn.min(pynn.ones(1), 0),
    "median": lambda: pynn.median(pynn.ones(1), 0),
    "nanmedian": lambda: pynn.nanmedian(pynn.ones(1), 0),
    "mode": lambda: pynn.mode(pynn.ones(1), 0),
    "sort": lambda: pynn.sort(pynn.ones(1)),
    "topk": lambda: pynn.topk(pynn.ones(1), 1),
    "kthvalue": lambda: pynn.kthvalue(pynn.ones(1), 1),
    "cummax": lambda: pynn.cummax(pynn.ones(1), 0),
    "cummin": lambda: pynn.cummin(pynn.ones(1), 0),
    "aminmax": lambda: pynn.aminmax(pynn.ones(1)),
    "frexp": lambda: pynn.frexp(pynn.ones(1)),
    "slogdet": lambda: pynn.slogdet(pynn.ones(1, 1)),
    "linalg_slogdet": lambda: pynn.linalg.slogdet(pynn.ones(1, 1)),
    "linalg_svd": lambda: pynn.linalg.svd(pynn.ones(1, 1)),
    "linalg_qr": lambda: pynn.linalg.qr(pynn.ones(1, 1)),
    "linalg_eigh": lambda: pynn.linalg.eigh(pynn.ones(1, 1)),
}


def __getattr__(name: str) -> type:
    if name not in _CALLS:
        raise AttributeError(f"module 'pynn.return_types' has no attribute {name!r}.")
    try:
        return type(_CALLS[name]())
    except AttributeError:
        raise AttributeError(
            f"module 'pynn.return_types' has no attribute {name!r}: pynn has no such function."
        ) from None
