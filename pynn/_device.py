"""Devices: where a tensor's memory lies."""


class device:
    """A place for tensors: `device("cpu")`, `device("cuda", 0)`. Compares and hashes by value."""

    __slots__ = ("index", "type")

    def __init__(self, type, index=None):
        if isinstance(type, device):
            type, index = type.type, type.index
        if not isinstance(type, str):
            raise TypeError(f"device(): argument 'type' must be str, not {type.__class__.__name__}.")
        kind, _, number = type.partition(":")
        if kind not in ("cpu", "cuda", "mps", "xpu", "meta"):
            raise RuntimeError(f"Expected one of cpu, cuda device type at start of device string: {type!r}.")
        if number:
            if not number.isdigit():
                raise RuntimeError(f"Invalid device string: {type!r}. Write it as 'cuda:0'.")
            index = int(number)
        self.type = kind
        self.index = index

    def __eq__(self, other):
        return isinstance(other, device) and (self.type, self.index) == (other.type, other.index)

    def __hash__(self):
        return hash((self.type, self.index))

    def __str__(self):
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __repr__(self):
        return f"device(type={self.type!r}" + ("" if self.index is None else f", index={self.index}") + ")"

    def __reduce__(self):
        return (device, (self.type, self.index))


CPU = device("cpu")


def check_device(value):
    """The device object of a device or its name; RuntimeError for one this build cannot use."""
    found = value if isinstance(value, device) else device(value)
    if found.type != "cpu":
        raise RuntimeError(
            f"device {str(found)!r} is not available: this build of pynn runs on the CPU. "
            "Use device='cpu', or ask pynn.cuda.is_available() first."
        )
    return found
