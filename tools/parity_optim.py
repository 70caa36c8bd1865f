"""Run torch's own optimizer samples through pynn and compare: `python tools/parity_optim.py [-v] [name ...]`.

torch ships the options its test suite tries (`torch.testing._internal.common_optimizers`), the errors it expects, and
schedulers for each optimizer. For every one, pynn must leave torch's parameters after some steps, torch's state_dict
(keys, values, dtypes), torch's text, and must raise torch's error. Also tried: foreach, fused, differentiable, float64,
parameter groups, named parameters, a state_dict of torch's continued here.
Needs `pip install torch==2.13.0 expecttest`.
"""

import argparse
import collections
import math
import pathlib
import re
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy

ROOT = pathlib.Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

import pynn  # noqa: E402

STEPS = 8  # of Muon 2: its bfloat16 products amplify a difference of one rounding
CLOSE = {"float32": 2e-5, "float64": 1e-9}


class Differs(Exception):
    """pynn's answer is not torch's."""


def numbers(shape: tuple[int, ...], seed: int) -> numpy.ndarray:
    return numpy.sin(2.7 * numpy.arange(math.prod(shape)) + seed).reshape(shape)


def shapes(name: str) -> list[tuple[int, ...]]:
    return [(4, 3), (3, 5)] if name == "Muon" else [(4, 3), (5,), ()]


def parameters(lib: Any, name: str, dtype: str) -> list[Any]:
    made = [lib.tensor(numbers(s, i).tolist(), dtype=getattr(lib, dtype)) for i, s in enumerate(shapes(name))]
    return [lib.nn.Parameter(p) for p in made]


def loss_of(lib: Any, params: list[Any], step: int) -> Any:
    total = 0.0
    for i, p in enumerate(params):
        target = lib.tensor(numbers(tuple(p.shape), 7 + i).tolist(), dtype=p.dtype)
        total = total + ((p - target) ** 2 * (1 + 0.2 * i)).sum() * (1 + 0.05 * step)
    return total


def descend(lib: Any, optimizer: Any, params: list[Any], first: int, last: int, scheduler: Any = None) -> None:
    for step in range(first, last):

        def closure(step: int = step) -> Any:
            optimizer.zero_grad()
            loss = loss_of(lib, params, step)
            loss.backward()
            return loss

        if type(optimizer).__name__ == "LBFGS":
            optimizer.step(closure)
        else:
            closure()
            if step % 4 == 2 and len(params) > 1:
                params[1].grad = None
            optimizer.step()
        if scheduler is not None:
            args = (float(step % 3),) if type(scheduler).__name__ == "ReduceLROnPlateau" else ()
            scheduler.step(*args)


def plain(value: Any) -> Any:
    """A value of either library as NumPy arrays and Python values."""
    if hasattr(value, "detach"):
        array = value.detach()
        return (str(array.dtype).rpartition(".")[2], numpy.array(array.double().tolist()))
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return value


def compare(what: str, a: Any, b: Any, close: float) -> None:
    if isinstance(b, dict):
        if not isinstance(a, dict) or set(a) != set(b):
            raise Differs(f"{what}: keys {sorted(map(str, a))} where torch has {sorted(map(str, b))}")
        for key in b:
            compare(f"{what}[{key!r}]", a[key], b[key], close)
    elif isinstance(b, tuple) and isinstance(b[1], numpy.ndarray):
        if not isinstance(a, tuple) or a[0] != b[0] or a[1].shape != b[1].shape:
            raise Differs(f"{what}: {a if not isinstance(a, tuple) else (a[0], a[1].shape)}, torch {b[0], b[1].shape}")
        if not numpy.allclose(a[1], b[1], rtol=close, atol=close, equal_nan=True):
            raise Differs(f"{what}: differs by {numpy.nanmax(abs(a[1] - b[1])):.3g}")
    elif isinstance(b, list):
        if not isinstance(a, list) or len(a) != len(b):
            raise Differs(f"{what}: {a!r} where torch has {b!r}")
        for i, pair in enumerate(zip(a, b)):
            compare(f"{what}[{i}]", *pair, close)
    elif isinstance(b, float) and isinstance(a, (int, float)):
        if not math.isclose(a, b, rel_tol=close, abs_tol=close) and not (math.isnan(a) and math.isnan(b)):
            raise Differs(f"{what}: {a!r} where torch has {b!r}")
    elif a != b:
        raise Differs(f"{what}: {a!r} where torch has {b!r}")


def both(torch: Any) -> list[Any]:
    return [pynn, torch]


def translated(lib: Any, kwargs: dict[str, Any], torch: Any) -> dict[str, Any]:
    def one(value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            return lib.tensor(value.tolist(), dtype=getattr(lib, str(value.dtype)[6:]))
        return tuple(map(one, value)) if isinstance(value, tuple) else value

    return {k: one(v) for k, v in kwargs.items()}


def run_config(torch: Any, name: str, kwargs: dict[str, Any], dtype: str, groups: str = "plain") -> None:
    """The same steps in both; parameters, state_dict and text must be equal."""
    found = []
    for lib in both(torch):
        params = parameters(lib, name, dtype)
        given: Any = params
        if groups == "groups":
            given = [{"params": params[:1], "lr": 0.05}, {"params": params[1:]}]
        elif groups == "named":
            given = [(f"p{i}", p) for i, p in enumerate(params)]
        optimizer = getattr(lib.optim, name)(given, **translated(lib, kwargs, torch))
        descend(lib, optimizer, params, 0, 2 if name == "Muon" else STEPS)
        saved = optimizer.state_dict()
        found.append((plain(params), plain(saved["state"]), plain(saved["param_groups"]), repr(optimizer)))
    close = 2e-3 if name == "Muon" else CLOSE[dtype] * (20 if name == "LBFGS" else 1)
    for what, ours, theirs in zip(("params", "state", "param_groups"), *found):
        compare(what, ours, theirs, close)
    if found[0][3] != found[1][3] and "tensor" not in found[1][3]:
        raise Differs(f"text: {found[0][3]!r} where torch has {found[1][3]!r}")


def run_continued(torch: Any, name: str, kwargs: dict[str, Any]) -> None:
    """torch's state_dict after half the steps, continued by pynn, must end where torch ends."""
    theirs = parameters(torch, name, "float64")
    optimizer = getattr(torch.optim, name)(theirs, **kwargs)
    descend(torch, optimizer, theirs, 0, STEPS // 2)

    def moved(value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            return pynn.tensor(value.tolist(), dtype=getattr(pynn, str(value.dtype)[6:]))
        if isinstance(value, dict):
            return {k: moved(v) for k, v in value.items()}
        return type(value)(moved(v) for v in value) if isinstance(value, (list, tuple)) else value

    ours = [pynn.nn.Parameter(moved(p.detach())) for p in theirs]
    resumed = getattr(pynn.optim, name)(ours)
    resumed.load_state_dict(moved(optimizer.state_dict()))
    descend(torch, optimizer, theirs, STEPS // 2, STEPS)
    descend(pynn, resumed, ours, STEPS // 2, STEPS)
    compare("continued", plain(ours), plain(theirs), 2e-3 if name == "Muon" else 1e-7)


def run_differentiable(torch: Any, name: str, kwargs: dict[str, Any]) -> None:
    """One step on the tape: the gradients of what it leaves, in the parameter, the gradient and the state."""
    found = []
    for lib in both(torch):
        p = lib.tensor(numbers((3,), 1).tolist(), dtype=lib.float64).requires_grad_()
        g = lib.tensor(numbers((3,), 5).tolist(), dtype=lib.float64).requires_grad_()
        moved = p.clone()
        optimizer = getattr(lib.optim, name)([moved], differentiable=True, **translated(lib, kwargs, torch))
        moved.grad = g.clone()
        optimizer.step()
        (moved * moved).sum().backward()
        found.append(plain([moved, p.grad, g.grad]))
    compare("differentiable", *found, 1e-6)


def run_scheduler(torch: Any, name: str, place: int, info: Any) -> None:
    """The rates of torch's scheduler samples over twenty steps."""
    found = []
    for lib in both(torch):
        params = parameters(lib, name, "float64")
        optimizer = getattr(lib.optim, name)(params, lr=0.5)
        rates = []
        for make in info.scheduler_inputs[place]:
            scheduler = rebuilt(lib, torch, make, optimizer)
            for step in range(20):
                optimizer.zero_grad()
                loss_of(lib, params, step).backward()
                if name not in ("LBFGS", "SparseAdam"):
                    optimizer.step()
                scheduler.step(*((1.0,) if type(scheduler).__name__ == "ReduceLROnPlateau" else ()))
                rates.append([float(g["lr"]) for g in optimizer.param_groups])
        found.append(rates)
    compare("rates", *found, 1e-12)


def rebuilt(lib: Any, torch: Any, make: Callable[[Any], Any], optimizer: Any) -> Any:
    """What `make` makes of a torch optimizer, with another library's schedulers in its globals."""
    if lib is torch:
        return make(optimizer)
    own = {**make.__globals__}
    for key in dir(lib.optim.lr_scheduler):
        if key in own:
            own[key] = getattr(lib.optim.lr_scheduler, key)
    return type(make)(make.__code__, own, make.__name__, make.__defaults__, make.__closure__)(optimizer)


def run_error(torch: Any, name: str, error: Any) -> None:
    """torch's bad arguments must raise torch's error, with its words."""
    given = error.optimizer_error_input

    def moved(value: Any) -> Any:
        if isinstance(value, torch.nn.Parameter):
            return pynn.nn.Parameter(pynn.tensor(value.detach().tolist()))
        if isinstance(value, torch.Tensor):
            if value.is_sparse:
                raise NotImplementedError("sparse")
            return pynn.tensor(value.tolist())
        if isinstance(value, dict):
            return {k: moved(v) for k, v in value.items()}
        return type(value)(moved(v) for v in value) if isinstance(value, (list, tuple)) else value

    once: dict[int, Any] = {}
    plain_moved = moved

    def moved(value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            return once.setdefault(id(value), plain_moved(value))
        if isinstance(value, dict):
            return {k: moved(v) for k, v in value.items()}
        return type(value)(moved(v) for v in value) if isinstance(value, (list, tuple)) else value

    params = moved(given.params)
    if params is None:
        params = parameters(pynn, name, "float32")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            optimizer = getattr(pynn.optim, name)(params, **moved(given.kwargs))
            if error.error_on.value:
                optimizer.step()
        except error.error_type as raised:
            if not re.search(error.error_regex, str(raised)):
                raise Differs(f"error {str(raised)!r} where torch says {error.error_regex!r}") from None
            return
    raise Differs(f"no {error.error_type.__name__}: {error.error_regex}")


def cases(torch: Any, info: Any) -> Iterator[tuple[str, Callable[[], None]]]:
    name = info.name
    inputs = [] if name == "SparseAdam" else info.optim_inputs_func("cpu")
    for sample in inputs:
        kwargs = sample.kwargs
        for dtype in ("float32", "float64"):
            yield f"{sample.desc} {dtype}", lambda k=kwargs, d=dtype: run_config(torch, name, k, d)
        for groups in ("groups", "named") if info.supports_param_groups else ("named",):
            yield f"{sample.desc} {groups}", lambda k=kwargs, g=groups: run_config(torch, name, k, "float64", g)
        for impl in info.supported_impls:
            clash = isinstance(kwargs.get("lr"), torch.Tensor) and impl == "foreach"
            if impl == "differentiable":
                yield f"{sample.desc} differentiable", lambda k=kwargs: run_differentiable(torch, name, k)
            elif not clash and (impl == "foreach" or "cpu" in info.supports_fused_on):
                extra = {**kwargs, impl: True}
                yield f"{sample.desc} {impl}", lambda k=extra: run_config(torch, name, k, "float32")
        yield f"{sample.desc} continued", lambda k=kwargs: run_continued(torch, name, k)
    if name != "SparseAdam":
        for place in range(len(info.scheduler_inputs)):
            yield f"schedulers {place}", lambda p=place: run_scheduler(torch, name, p, info)
    for error in info.optim_error_inputs_func("cpu", torch.float32) if info.optim_error_inputs_func else ():
        yield f"error: {error.optimizer_error_input.desc}", lambda e=error: run_error(torch, name, e)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*")
    parser.add_argument("-v", action="store_true", help="with tracebacks")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    import torch
    from torch.testing._internal.common_optimizers import optim_db

    torch.set_num_threads(1)
    counts: collections.Counter[str] = collections.Counter()
    for info in optim_db:
        if args.names and info.name not in args.names:
            continue
        for what, case in cases(torch, info):
            try:
                case()
                counts["same"] += 1
            except Exception as error:
                if "sparse" in str(error) or "complex" in str(error):
                    counts["out of scope"] += 1
                    continue
                counts["different"] += 1
                print(f"{info.name:12} {what:44} {type(error).__name__}: {str(error)[:300]}")
                if args.v:
                    traceback.print_exc()
    print(", ".join(f"{n} {what}" for what, n in sorted(counts.items())))
    return bool(counts["different"])


if __name__ == "__main__":
    sys.exit(main())
