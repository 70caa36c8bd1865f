"""Building blocks and operations on boxes."""

# ruff: noqa: F403
from pynn.vision.ops import boxes, deform, feature_pyramid_network, losses, misc, roi
from pynn.vision.ops import stochastic_depth as _depth
from pynn.vision.ops.boxes import *
from pynn.vision.ops.deform import *
from pynn.vision.ops.feature_pyramid_network import *
from pynn.vision.ops.losses import *
from pynn.vision.ops.misc import *
from pynn.vision.ops.roi import *
from pynn.vision.ops.stochastic_depth import *

__all__ = [
    *boxes.__all__, *deform.__all__, *feature_pyramid_network.__all__, *losses.__all__, *misc.__all__,
    *roi.__all__, *_depth.__all__,
]  # fmt: skip
