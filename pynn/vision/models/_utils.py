"""What several models need: channel counts that suit hardware, outputs from the middle of a network."""

from collections import OrderedDict

from pynn import Tensor, nn

__all__ = ["IntermediateLayerGetter"]


def _make_divisible(v: float, divisor: int, min_value: int | None = None) -> int:
    """The multiple of `divisor` nearest to v, but not below min_value (`divisor`) nor a tenth below v."""
    low = divisor if min_value is None else min_value
    rounded = max(low, int(v + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * v else rounded


class IntermediateLayerGetter(nn.ModuleDict):
    """The children of `model` up to the last one in `return_layers`, {child's name: name in the output}.

    Called on an input, it runs them one after another and returns an OrderedDict of the outputs asked for.
    Raises ValueError for names that `model` has no child of.
    """

    def __init__(self, model: nn.Module, return_layers: dict[str, str]) -> None:
        children = dict(model.named_children())
        missing = [name for name in return_layers if name not in children]
        if missing:
            raise ValueError(f"return_layers are not present in model: it has no child {', '.join(map(str, missing))}.")
        waiting = set(map(str, return_layers))
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        for name, module in children.items():
            layers[name] = module
            waiting.discard(name)
            if not waiting:
                break
        super().__init__(layers)
        self.return_layers = {str(k): str(v) for k, v in return_layers.items()}

    def forward(self, x: Tensor) -> "OrderedDict[str, Tensor]":
        out: OrderedDict[str, Tensor] = OrderedDict()
        for name, module in self.items():
            x = module(x)
            if name in self.return_layers:
                out[self.return_layers[name]] = x
        return out
