"""torch.xpu's names, for Intel's GPUs: there is none with this build, so `is_available()` is False."""

from pynn import _no_device

globals().update(_no_device.names("xpu"))
