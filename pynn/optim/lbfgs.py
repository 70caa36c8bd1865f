"""L-BFGS, with a line search by the strong Wolfe conditions where asked."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from pynn._core import Tensor
from pynn.autograd import enable_grad, no_grad
from pynn.ops.joining import cat
from pynn.optim._grouped import check_lr
from pynn.optim.optimizer import Optimizer, ParamsT

__all__ = ["LBFGS"]

# A quantity along the search line: a Python number, or a 0-d Tensor in the parameters' dtype.
Number = Any


class _Point(NamedTuple):
    """A place on the search line: how far along it, and there the loss, its gradient, and its slope along the line."""

    t: Number
    loss: float
    grad: Tensor
    slope: Number


def _lowest_of_cubic(a: _Point, b: _Point, bounds: tuple[Number, Number] | None = None) -> Number:
    """Where the cubic with two points' losses and slopes has its minimum, kept within bounds (else: between the points).

    The middle of the bounds where the cubic has no minimum. Nocedal and Wright, "Numerical optimization", eq. 3.59.
    """
    low, high = bounds or (min(a.t, b.t), max(a.t, b.t))
    if a.t == b.t:
        return a.t
    mixed = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.t - b.t)
    square = mixed**2 - a.slope * b.slope
    if not square >= 0:
        return (low + high) / 2.0
    root = square**0.5
    left, right = (a, b) if a.t <= b.t else (b, a)
    share = (right.slope + root - mixed) / (right.slope - left.slope + 2 * root)
    return min(max(right.t - (right.t - left.t) * share, low), high)


def _strong_wolfe(
    evaluate: Callable[[Number], _Point],
    t: Number,
    start: _Point,
    longest: Tensor,
    max_rounds: int,
    tolerance: float,
    c1: float = 1e-4,
    c2: float = 0.9,
) -> tuple[_Point, int]:
    """A point whose loss lies below start's by c1 of what its slope promises, and whose slope is c2 of start's or less.

    First steps outwards from t until such points are bracketed, then narrows the bracket down.
    longest: the largest element of the direction; brackets in which no element moves by `tolerance` are given up.
    Returns the best point found and how often `evaluate` was called. Nocedal and Wright, algorithms 3.5 and 3.6.
    """

    def too_high(point: _Point) -> bool:
        return bool(point.loss > start.loss + c1 * point.t * start.slope)

    def flat(point: _Point) -> bool:
        return bool(abs(point.slope) <= -c2 * start.slope)

    before, point = start, evaluate(t)
    calls = 1
    rounds = 0
    bracket = [start, point]
    while rounds < max_rounds:
        bracket = [before, point]
        if too_high(point) or (rounds > 1 and point.loss >= before.loss):
            break
        if flat(point):
            return point, calls
        if point.slope >= 0:
            break
        reach = (point.t + 0.01 * (point.t - before.t), point.t * 10)
        before, point = point, evaluate(_lowest_of_cubic(before, point, reach))
        calls += 1
        rounds += 1
    if rounds >= max_rounds:
        bracket = [start, point]

    low, high = (0, 1) if bracket[0].loss <= bracket[1].loss else (1, 0)
    slow = False
    while rounds < max_rounds and not abs(bracket[1].t - bracket[0].t) * longest < tolerance:
        t = _lowest_of_cubic(bracket[0], bracket[1])
        left, right = min(p.t for p in bracket), max(p.t for p in bracket)
        margin = 0.1 * (right - left)
        near = min(right - t, t - left) < margin
        if near and (slow or t >= right or t <= left):  # the second time near an end: step away from it
            t = right - margin if abs(t - right) < abs(t - left) else left + margin
            near = False
        slow = bool(near)
        point = evaluate(t)
        calls += 1
        rounds += 1
        if too_high(point) or point.loss >= bracket[low].loss:
            bracket[high] = point
            low, high = (0, 1) if bracket[0].loss <= bracket[1].loss else (1, 0)
            continue
        found = flat(point)
        if not found and point.slope * (bracket[high].t - bracket[low].t) >= 0:
            bracket[high] = bracket[low]
        bracket[low] = point
        if found:
            break
    return bracket[low], calls


class LBFGS(Optimizer):
    """Quasi-Newton steps with an inverse Hessian made of the last `history_size` changes of the gradient.

    For whole batches: one `step(closure)` runs up to max_iter iterations, and calls closure, which must clear the
    gradients, compute the loss, run backward and return the loss, up to max_eval times (default: 1.25 * max_iter).
    It ends early once no gradient exceeds tolerance_grad, or loss or parameters change by less than tolerance_change.
    line_search_fn: None steps by lr; "strong_wolfe" searches along the direction.
    State, of the first parameter: func_evals, n_iter, d, t, old_dirs, old_stps, ro, H_diag, prev_flat_grad, prev_loss,
    al. Raises ValueError for an lr below 0 or more than one group, RuntimeError for another line_search_fn.
    Liu and Nocedal, "On the limited memory BFGS method for large scale optimization" (1989).
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        check_lr(lr)
        defaults = {
            "lr": lr, "max_iter": max_iter, "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
            "tolerance_grad": tolerance_grad, "tolerance_change": tolerance_change, "history_size": history_size,
            "line_search_fn": line_search_fn,
        }  # fmt: skip
        super().__init__(params, defaults)
        if len(self.param_groups) != 1:
            raise ValueError("LBFGS doesn't support per-parameter options (parameter groups)")

    @property
    def _params(self) -> list[Tensor]:
        out: list[Tensor] = self.param_groups[0]["params"]
        return out

    def _flat_grad(self) -> Tensor:
        """All gradients as one vector; zeros where there is none."""
        parts = [p.new_zeros(p.numel()) if p.grad is None else p.grad.reshape(-1) for p in self._params]
        return cat(parts, 0).detach()

    def _move(self, t: Number, direction: Tensor) -> None:
        """Add t * direction to the parameters."""
        start = 0
        for p in self._params:
            count = p.numel()
            p.add_(direction[start : start + count].reshape(p.shape), alpha=_number(t))
            start += count

    def _direction(self, state: dict[str, Any], grad: Tensor, history_size: int) -> Tensor:
        """The next direction: minus the inverse Hessian times the gradient; first takes the last step into it."""
        y = grad - state["prev_flat_grad"]
        s = state["d"] * state["t"]
        ys = y.dot(s)
        dirs, steps, ro = state["old_dirs"], state["old_stps"], state["ro"]
        if ys > 1e-10:
            if len(dirs) == history_size:
                for kept in (dirs, steps, ro):
                    kept.pop(0)
            dirs.append(y)
            steps.append(s)
            ro.append(1.0 / ys)
            state["H_diag"] = ys / y.dot(y)
        al = state.setdefault("al", [None] * history_size)
        q = -grad
        for i in range(len(dirs) - 1, -1, -1):
            al[i] = steps[i].dot(q) * ro[i]
            q.add_(dirs[i], alpha=-al[i].item())
        d = q * state["H_diag"]
        for i in range(len(dirs)):
            d.add_(steps[i], alpha=(al[i] - dirs[i].dot(d) * ro[i]).item())
        out: Tensor = d
        return out

    @no_grad()
    def step(self, closure: Callable[[], Any]) -> Any:
        """Run up to max_iter iterations; returns the loss that the first call of closure gave."""
        evaluate_loss = enable_grad()(closure)
        group = self.param_groups[0]
        lr = group["lr"].reshape(()) if isinstance(group["lr"], Tensor) else group["lr"]
        state = self.state[self._params[0]]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)
        first = evaluate_loss()
        loss = float(first)
        calls = 1
        state["func_evals"] += 1
        grad = self._flat_grad()
        if grad.abs().max() <= group["tolerance_grad"]:
            return first
        if group["line_search_fn"] not in (None, "strong_wolfe"):
            raise RuntimeError(f"only 'strong_wolfe' is supported as line_search_fn, got {group['line_search_fn']!r}")
        before = state.get("prev_loss")
        for i in range(1, group["max_iter"] + 1):
            state["n_iter"] += 1
            if state["n_iter"] == 1:
                d = -grad
                state.update(old_dirs=[], old_stps=[], ro=[], H_diag=1)
            else:
                d = self._direction(state, grad, group["history_size"])
            state["d"] = d
            state["prev_flat_grad"] = grad.clone()
            before = loss
            t = min(1.0, 1.0 / grad.abs().sum()) * lr if state["n_iter"] == 1 else lr
            state["t"] = t
            slope = grad.dot(d)
            if slope > -group["tolerance_change"]:
                break
            used = 0
            if group["line_search_fn"] is not None:
                here = [p.clone() for p in self._params]

                def point_at(t: Number, d: Tensor = d, here: Sequence[Tensor] = here) -> _Point:
                    self._move(t, d)
                    there = float(evaluate_loss())
                    g = self._flat_grad()
                    for p, value in zip(self._params, here):
                        p.copy_(value)
                    return _Point(t, there, g, g.dot(d))

                start = _Point(0, loss, grad, slope)
                rounds = group["max_eval"] - calls
                best, used = _strong_wolfe(point_at, t, start, d.abs().max(), rounds, group["tolerance_change"])
                t, loss, grad = best.t, best.loss, best.grad
                state["t"] = t
                self._move(t, d)
            else:
                self._move(t, d)
                if i != group["max_iter"]:  # the last point is not looked at
                    loss = float(evaluate_loss())
                    grad = self._flat_grad()
                    used = 1
            calls += used
            state["func_evals"] += used
            if (
                i == group["max_iter"]
                or calls >= group["max_eval"]
                or (used and grad.abs().max() <= group["tolerance_grad"])
                or (d * t).abs().max() <= group["tolerance_change"]
                or abs(loss - before) < group["tolerance_change"]
            ):
                break
        state["prev_loss"] = before
        return first


def _number(value: Number) -> float:
    number: float = value.item() if isinstance(value, Tensor) else value
    return number
