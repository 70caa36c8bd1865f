"""torch.cpu.amp's names: `pynn.amp` for the CPU."""

import functools
from typing import Any

from pynn import amp
from pynn._dtypes import DTYPES
from pynn.amp.autocast_mode import old_name


class autocast(amp.autocast):
    """`pynn.autocast("cpu", ...)`."""

    def __init__(self, enabled: bool = True, dtype: Any = None, cache_enabled: bool = True) -> None:
        old_name("cpu", "autocast")
        super().__init__("cpu", DTYPES["bfloat16"] if dtype is None else dtype, enabled, cache_enabled)


class GradScaler(amp.GradScaler):
    """`pynn.amp.GradScaler("cpu", ...)`."""

    def __init__(
        self,
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        old_name("cpu", "GradScaler")
        super().__init__("cpu", init_scale, growth_factor, backoff_factor, growth_interval, enabled)


custom_fwd = functools.partial(amp.custom_fwd, device_type="cpu")
custom_bwd = functools.partial(amp.custom_bwd, device_type="cpu")
