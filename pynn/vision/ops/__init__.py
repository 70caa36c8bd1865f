"""Building blocks and operations on boxes."""

# ruff: noqa: F403
from pynn.vision.ops import boxes, losses, misc
from pynn.vision.ops import stochastic_depth as _depth
from pynn.vision.ops.boxes import *
from pynn.vision.ops.losses import *
from pynn.vision.ops.misc import *
from pynn.vision.ops.stochastic_depth import *

__all__ = [*boxes.__all__, *losses.__all__, *misc.__all__, *_depth.__all__]
