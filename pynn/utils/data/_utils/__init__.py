"""What loaders are made of: fetching, workers, and the memory between them."""

from pynn import _lazy

_PARTS = ("collate", "fetch", "info", "iterators", "pool", "state", "transport", "worker")
__getattr__, __dir__ = _lazy.names(__name__, dict.fromkeys(_PARTS, ""))
