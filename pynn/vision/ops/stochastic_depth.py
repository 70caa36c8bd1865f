"""Stochastic depth (Huang et al., 2016) and DropBlock (Ghiasi, Lin and Le, 2018)."""

import pynn
from pynn import Tensor, nn
from pynn.nn import functional as F

__all__ = ["DropBlock2d", "StochasticDepth", "drop_block2d", "stochastic_depth"]


def stochastic_depth(input: Tensor, p: float, mode: str, training: bool = True) -> Tensor:
    """`input` (N, ...) with whole samples ("row") or the whole batch ("batch") set to 0 with probability p.

    What stays is divided by 1 - p. Returns `input` itself where nothing can change.
    Raises ValueError for p outside [0, 1] and for another mode.
    """
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"drop probability has to be between 0 and 1, but got {p}")
    if mode not in ("batch", "row"):
        raise ValueError(f"mode has to be either 'batch' or 'row', but got {mode}")
    if not training or p == 0.0:
        return input
    count = input.shape[0] if mode == "row" else 1
    kept = pynn.empty([count] + [1] * (input.ndim - 1), dtype=input.dtype, device=input.device).bernoulli_(1.0 - p)
    return input * (kept / (1.0 - p) if p < 1.0 else kept)


class StochasticDepth(nn.Module):
    """`stochastic_depth` as a module."""

    def __init__(self, p: float, mode: str) -> None:
        super().__init__()
        self.p = p
        self.mode = mode

    def forward(self, input: Tensor) -> Tensor:
        return stochastic_depth(input, self.p, self.mode, self.training)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(p={self.p}, mode={self.mode})"


def drop_block2d(
    input: Tensor, p: float, block_size: int, inplace: bool = False, eps: float = 1e-6, training: bool = True
) -> Tensor:
    """`input` (N, C, H, W) with random squares of block_size set to 0, the rest scaled up to keep the mean.

    Raises ValueError for p outside [0, 1] and for an input that is not 4-dimensional.
    """
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"drop probability has to be between 0 and 1, but got {p}.")
    if input.ndim != 4:
        raise ValueError(f"input should be 4 dimensional. Got {input.ndim} dimensions.")
    if not training or p == 0.0:
        return input
    n, c, h, w = input.shape
    block_size = min(block_size, w, h)
    rows, columns = h - block_size + 1, w - block_size + 1
    # Corners are drawn so thinly that, on the whole, a share of p of all places is covered.
    rate = p * h * w / (block_size**2 * rows * columns)
    corners = pynn.empty((n, c, rows, columns), dtype=input.dtype, device=input.device).bernoulli_(min(rate, 1.0))
    corners = F.pad(corners, [block_size // 2] * 4, value=0)
    kept = 1 - F.max_pool2d(corners, stride=(1, 1), kernel_size=(block_size, block_size), padding=block_size // 2)
    kept = kept[..., :h, :w]
    scale = kept.numel() / (eps + kept.sum())
    return input.mul_(kept).mul_(scale) if inplace else input * kept * scale


class DropBlock2d(nn.Module):
    """`drop_block2d` as a module."""

    def __init__(self, p: float, block_size: int, inplace: bool = False, eps: float = 1e-6) -> None:
        super().__init__()
        self.p = p
        self.block_size = block_size
        self.inplace = inplace
        self.eps = eps

    def forward(self, input: Tensor) -> Tensor:
        return drop_block2d(input, self.p, self.block_size, self.inplace, self.eps, self.training)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(p={self.p}, block_size={self.block_size}, inplace={self.inplace})"
