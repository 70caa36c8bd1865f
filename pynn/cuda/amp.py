"""torch.cuda.amp's names: `pynn.amp` for the GPU."""

import functools

from pynn import amp
from pynn._dtypes import DTYPES


class autocast(amp.autocast):
    """`pynn.autocast("cuda", ...)`."""

    def __init__(self, enabled=True, dtype=None, cache_enabled=True):
        super().__init__("cuda", DTYPES["float16"] if dtype is None else dtype, enabled, cache_enabled)


class GradScaler(amp.GradScaler):
    """`pynn.amp.GradScaler("cuda", ...)`."""

    def __init__(self, init_scale=2.0**16, growth_factor=2.0, backoff_factor=0.5, growth_interval=2000, enabled=True):
        super().__init__("cuda", init_scale, growth_factor, backoff_factor, growth_interval, enabled)


custom_fwd = functools.partial(amp.custom_fwd, device_type="cuda")
custom_bwd = functools.partial(amp.custom_bwd, device_type="cuda")
