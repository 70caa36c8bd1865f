"""torch.cpu's names: the one CPU that is always there."""

from pynn.cpu import amp  # noqa: F401


def is_available():
    """Whether there is a CPU."""
    return True


def device_count():
    """How many: one."""
    return 1


def current_device():
    """Its name."""
    return "cpu"


def set_device(device):
    """Nothing: there is one."""


def synchronize(device=None):
    """Nothing: its work is done when a call returns."""
