"""The adaptive softmax, for many classes of which few are frequent (arXiv:1609.04309)."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy

from pynn._core import Tensor, made, observe
from pynn.nn import functional as F
from pynn.nn.containers import ModuleList, Sequential
from pynn.nn.linear import Linear
from pynn.nn.module import Module
from pynn.ops.joining import cat
from pynn.ops.pointwise_functions import where

__all__ = ["AdaptiveLogSoftmaxWithLoss"]


class _ASMoutput(NamedTuple):
    output: Tensor
    loss: Tensor


class AdaptiveLogSoftmaxWithLoss(Module):
    """Log-probabilities over n_classes in clusters: the frequent classes and one entry a cluster in `head`, the rarer
    ones in `tail`, each cluster through a projection to in_features / div_value^(i + 1).

    cutoffs: the first class of every cluster of the tail, classes being in the order of how frequent they are.
    forward(input (N, in_features), target (N)) or ((in_features), ()) gives (output: each target's log-probability,
    loss: minus their mean). Raises ValueError for cutoffs that do not ascend within 1 .. n_classes - 1, RuntimeError
    for shapes that do not fit and targets out of range.
    """

    def __init__(
        self,
        in_features: int,
        n_classes: int,
        cutoffs: Sequence[int],
        div_value: float = 4.0,
        head_bias: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        cutoffs = list(cutoffs)
        if not cutoffs:
            raise ValueError("cutoffs should be a sequence of length larger than 0")
        if (
            any(int(c) != c for c in cutoffs)
            or any(a >= b for a, b in pairwise(cutoffs))
            or not 0 < cutoffs[0] <= cutoffs[-1] < n_classes
        ):
            raise ValueError(
                "cutoffs should be a sequence of unique, positive integers sorted in an increasing order, where each "
                f"value is between 1 and n_classes-1, got {cutoffs} for {n_classes} classes"
            )
        self.in_features = in_features
        self.n_classes = n_classes
        self.cutoffs = [*cutoffs, n_classes]
        self.div_value = div_value
        self.head_bias = head_bias
        self.shortlist_size = self.cutoffs[0]
        self.n_clusters = len(cutoffs)
        self.head_size = self.shortlist_size + self.n_clusters
        self.head = Linear(in_features, self.head_size, head_bias, device, dtype)
        self.tail = ModuleList()
        for i, (start, stop) in enumerate(pairwise(self.cutoffs)):
            width = int(in_features // div_value ** (i + 1))
            self.tail.append(
                Sequential(
                    Linear(in_features, width, False, device, dtype), Linear(width, stop - start, False, device, dtype)
                )
            )

    def reset_parameters(self) -> None:
        """Draw all parameters anew."""
        self.head.reset_parameters()
        for projection in self.tail:
            for layer in projection:
                layer.reset_parameters()

    def forward(self, input_: Tensor, target_: Tensor) -> _ASMoutput:
        if target_.dim() > 1:
            raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
        if input_.dim() != target_.dim() + 1:
            raise RuntimeError(
                f"{target_.dim()}D target tensor expects {target_.dim() + 1}D input tensors, but found inputs with size "
                f"{input_.size()}"
            )
        alone = target_.dim() == 0
        input, target = (input_.unsqueeze(0), target_.unsqueeze(0)) if alone else (input_, target_)
        if input.shape[0] != target.shape[0]:
            raise RuntimeError("Input and target should have the same size in the batch dimension.")
        classes = observe(target)
        if classes.size and not (classes.min() >= 0 and classes.max() < self.n_classes):
            raise RuntimeError(
                f"Target values should be in [0, {self.n_classes - 1}], but values in range [{classes.min()}, "
                f"{classes.max()}] were found. "
            )
        cluster = numpy.searchsorted(self.cutoffs, classes, side="right")  # 0: the head itself
        entry = numpy.where(cluster == 0, classes, self.shortlist_size + cluster - 1)
        output = F.log_softmax(self.head(input), 1).gather(1, made(entry[:, None])).squeeze(1)
        if cluster.any():
            places, parts = [], []
            for i, projection in enumerate(self.tail):
                rows = numpy.flatnonzero(cluster == i + 1)
                if rows.size:
                    within = made((classes[rows] - self.cutoffs[i])[:, None])
                    given = input.index_select(0, made(rows))
                    parts.append(F.log_softmax(projection(given), 1).gather(1, within).squeeze(1))
                    places.append(rows)
            output = output.index_add(0, made(numpy.concatenate(places)), cat(parts))
        loss = (-output).mean()
        return _ASMoutput(output.squeeze(0) if alone else output, loss)

    def log_prob(self, input: Tensor) -> Tensor:
        """The log-probabilities of all classes: (N, in_features) -> (N, n_classes)."""
        head: Tensor = F.log_softmax(self.head(input), 1)
        parts = [head[:, : self.shortlist_size]]
        for i, projection in enumerate(self.tail):
            entry = self.shortlist_size + i
            parts.append(F.log_softmax(projection(input), 1) + head[:, entry : entry + 1])
        return cat(parts, 1)

    def predict(self, input: Tensor) -> Tensor:
        """The most probable class of each row: (N, in_features) -> (N)."""
        first = self.head(input).argmax(1)
        within = first < self.shortlist_size
        if bool(within.all()):
            out: Tensor = first
            return out
        # As in torch, a cluster that wins among the head's entries leaves the choice to all classes.
        return where(within, first, self.log_prob(input).argmax(1))
