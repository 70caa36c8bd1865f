"""Connectionist temporal classification, with torch.nn.functional's signature.

Graves, Fernandez, Gomez, Schmidhuber (ICML 2006): the forward recursion in logarithms over the targets with blanks
between them, for all sequences of the batch at once.
"""

from typing import Any

import numpy

from pynn._core import Tensor, is_grad_enabled, made, observe
from pynn.amp.autocast_mode import float32_function
from pynn.nn.functional.loss import reduce_loss, reduction_of
from pynn.ops.devices import beside_input
from pynn.ops.joining import cat, stack
from pynn.ops.pointwise_functions import where

__all__ = ["ctc_loss"]

IMPOSSIBLE = -1e30  # the logarithm of a probability of 0, finite so that gradients stay finite


def _lengths(value: Any) -> Any:
    return numpy.asarray(observe(value) if isinstance(value, Tensor) else value, numpy.int64).reshape(-1)


def _rows(targets: Any, lengths: Any) -> Any:
    """The targets as rows (N, longest), padded with 0, from rows or from all of them one after the other."""
    longest = int(lengths.max(initial=0))
    if targets.ndim == 2:
        return targets[:, :longest] if targets.shape[1] else numpy.zeros((targets.shape[0], 0), numpy.int64)
    out = numpy.zeros((len(lengths), longest), numpy.int64)
    start = 0
    for row, n in zip(out, lengths):
        row[:n] = targets[start : start + n]
        start += n
    return out


def _check(log_probs: Any, targets: Any, inputs: Any, wanted: Any, blank: Any) -> None:
    steps, batch, classes = log_probs._array.shape
    if not 0 <= blank < classes:
        raise RuntimeError(f"blank must be in label range: got {blank} of {classes} classes.")
    if len(inputs) != batch or len(wanted) != batch:
        raise RuntimeError(
            f"input_lengths and target_lengths must be of size batch_size, {batch}; got {len(inputs)} and "
            f"{len(wanted)}."
        )
    if batch and (inputs.max() > steps or inputs.min() < 0):
        raise RuntimeError(
            f"Expected input_lengths to have value at most {steps}, but got value {int(inputs.max())} (while checking "
            "arguments for ctc_loss)."
        )
    room = targets._array.shape[1] * batch if targets.ndim == 2 else targets.numel()
    most = targets._array.shape[1] if targets.ndim == 2 else room
    if batch and (wanted.max() > most or wanted.sum() > room):
        raise RuntimeError(
            f"Expected target_lengths to fit targets of shape {list(targets.shape)}, got {wanted.tolist()}."
        )


@float32_function
@beside_input
def ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Any,
    target_lengths: Any,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Tensor:
    """-log of the probability that log_probs' paths spell the targets, blanks and repeats left out.

    log_probs (T, N, C) or (T, C): log-probabilities. targets (N, S), or all of them in one dimension; input_lengths and
    target_lengths: (N,) tensors or tuples. The mean divides each loss by its target's length first. zero_infinity:
    impossible alignments cost 0 instead of infinity. Raises RuntimeError for lengths and a blank that do not fit.
    """
    reduction = reduction_of(None, None, reduction)
    single = log_probs.ndim == 2
    log_probs = log_probs.unsqueeze(1) if single else log_probs
    inputs, wanted = _lengths(input_lengths), _lengths(target_lengths)
    _check(log_probs, targets, inputs, wanted, blank)
    rows = _rows(observe(targets), wanted)
    batch, longest = rows.shape
    labels = numpy.full((batch, 2 * longest + 1), blank, numpy.int64)
    labels[:, 1::2] = rows
    jumps = numpy.zeros(labels.shape, bool)  # a blank may be left out between different labels
    jumps[:, 3::2] = rows[:, 1:] != rows[:, :-1]
    states, skips = made(labels), made(jumps)
    nothing = log_probs.detach().new_zeros((batch, 1)) + IMPOSSIBLE
    first = numpy.arange(2 * longest + 1) < 2
    alpha = where(
        made(numpy.broadcast_to(first, skips._array.shape).copy()), log_probs[0].gather(1, states), IMPOSSIBLE
    )
    for t in range(1, log_probs._array.shape[0]):
        one = cat([nothing, alpha[:, :-1]], 1)
        two = where(skips, cat([nothing, nothing, alpha[:, :-2]], 1)[:, : alpha._array.shape[1]], IMPOSSIBLE)
        reached = stack([alpha, one, two]).logsumexp(0) + log_probs[t].gather(1, states)
        alpha = where(made(t < inputs[:, None]), reached, alpha)
    last = made(2 * wanted[:, None])
    before = where(last > 0, alpha.gather(1, (last - 1).clamp(min=0)), IMPOSSIBLE)
    total = cat([alpha.gather(1, last), before], 1).logsumexp(1)
    if (inputs == 0).any():  # no step at all spells the empty target alone
        unread = numpy.where(wanted == 0, 0.0, IMPOSSIBLE).astype(total._array.dtype)
        total = where(made(inputs == 0), made(unread), total)
    possible = total > IMPOSSIBLE / 2
    loss = where(possible, -total, 0.0 if zero_infinity else float("inf"))
    if log_probs.requires_grad and is_grad_enabled():
        # torch's gradient is the one by what log_softmax was taken of: exp(log_probs) is added to that by log_probs,
        # which that softmax's own gradient takes away again.
        reached = made(numpy.arange(log_probs._array.shape[0])[:, None] < inputs)
        mass = where(reached, log_probs.exp().sum(2), 0.0).sum(0)
        mass = where(possible, mass, 0.0) if zero_infinity else mass
        loss = loss + (mass - mass.detach())
    if reduction == "mean":
        loss = loss / made(numpy.maximum(wanted, 1).astype(loss._array.dtype))
    return loss.squeeze(0) if single and reduction == "none" else reduce_loss(loss, reduction)
