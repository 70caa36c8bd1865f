"""torch.mtia's names, for Meta's accelerators: there is none with this build, so `is_available()` is False."""

from pynn import _no_device

globals().update(_no_device.names("mtia"))
