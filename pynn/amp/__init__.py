"""Mixed precision: `with pynn.autocast("cpu"):` runs products in bfloat16; GradScaler keeps small gradients alive."""

from pynn.amp.autocast_mode import autocast, custom_bwd, custom_fwd, is_autocast_available
from pynn.amp.grad_scaler import GradScaler

__all__ = ["GradScaler", "autocast", "custom_bwd", "custom_fwd", "is_autocast_available"]
