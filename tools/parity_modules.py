"""Run torch's own module samples through pynn.nn and compare: `python tools/parity_modules.py [module ...]`.

torch ships the constructor arguments and inputs its test suite gives its modules
(`torch.testing._internal.common_modules`). Each is built in both; repr, keys, shapes and dtypes of the state must be
equal, and with torch's state loaded so must outputs, gradients by inputs and by parameters, and the state after the
call, in training and in evaluation. Needs `pip install torch==2.13.0 expecttest`.

    python tools/parity_modules.py                 every module, float32 and float64
    python tools/parity_modules.py -v nn.GRU       one, each failing sample with its reason
    python tools/parity_modules.py --signatures    argument names, kinds and defaults of nn and nn.functional
"""

import argparse
import collections
import inspect
import sys
import traceback
import warnings
from types import ModuleType
from typing import Any

from parity import Differs, Translator, check_close, flatten, gradients, load_torch, to_array

import pynn

SKIPPED = ("Quantized", "quantized")


def load(torch: ModuleType, ours: Any, theirs: Any) -> None:
    """Give pynn's module torch's state."""
    state = theirs.state_dict()
    wanted = {k: pynn.tensor(to_array(torch, v).copy()).to(getattr(pynn, str(v.dtype)[6:])) for k, v in state.items()}
    ours.load_state_dict(wanted)


def compare_state(torch: ModuleType, ours: Any, theirs: Any, what: str, values: bool) -> None:
    a, b = ours.state_dict(), theirs.state_dict()
    if list(a) != list(b):
        raise Differs(f"{what}: keys {list(a)}, torch {list(b)}")
    for key, value in b.items():
        check_close(torch, f"{what} {key}", a[key], value, 10, random=not values)


def is_random(module: Any) -> bool:
    """Whether a module draws numbers in its forward."""
    return any(
        "Fractional" in type(m).__name__ or (getattr(m, "dropout", 0.0) and isinstance(m.dropout, float))
        or ("Dropout" in type(m).__name__ and m.p > 0 and m.training)
        for m in module.modules()
    )  # fmt: skip


class Runner:
    """Goes through torch's table and keeps what differs."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.torch, _ = load_torch()
        from torch.testing._internal.common_modules import module_db

        self.module_db = module_db
        self.failures: dict[str, list[tuple[str, Exception]]] = collections.OrderedDict()
        self.passed: collections.Counter[str] = collections.Counter()
        self.missing: list[str] = []

    def run(self) -> None:
        for info in self.module_db:
            name = info.name
            if any(s in name for s in SKIPPED) or (self.options.names and name not in self.options.names):
                continue
            ours = getattr(pynn.nn, info.module_cls.__name__, None)
            if ours is None:
                self.missing.append(name)
                continue
            for dtype_name in self.options.dtypes.split(","):
                dtype = getattr(self.torch, dtype_name)
                if dtype not in info.dtypes:
                    continue
                for training in (True, False):
                    self.torch.manual_seed(3)
                    inputs = info.module_inputs_func(
                        info, device="cpu", dtype=dtype, requires_grad=True, training=training
                    )
                    for number, sample in enumerate(inputs):
                        where = f"{dtype_name}/{'train' if training else 'eval'}/{number} {sample.desc}"
                        self.attempt(name, where, self.compare, info, ours, sample, training, dtype)
            if info.module_error_inputs_func is not None:
                for training in (True, False):
                    cases = info.module_error_inputs_func(
                        info, device="cpu", dtype=self.torch.float32, requires_grad=False, training=training
                    )
                    for number, case in enumerate(cases):
                        self.attempt(name, f"error/{number}", self.compare_error, info, ours, case, training)

    def attempt(self, name: str, where: str, check: Any, *arguments: Any) -> None:
        try:
            check(*arguments)
            self.passed[name] += 1
        except Exception as error:
            if self.options.traceback:
                traceback.print_exc()
            self.failures.setdefault(name, []).append((where, error))

    def compare(self, info: Any, ours_class: type, sample: Any, training: bool, dtype: Any) -> None:
        torch = self.torch
        translator = Translator(torch)
        made = sample.constructor_input
        theirs = info.module_cls(*made.args, **made.kwargs)
        theirs.train(training).to(dtype)
        ours = ours_class(*translator(made.args), **translator(made.kwargs))
        ours.train(training).to(getattr(pynn, str(dtype)[6:]))
        if repr(ours) != repr(theirs):
            raise Differs(f"repr {ours!r}, torch {theirs!r}")
        given = sample.forward_input
        if given is None:
            return
        lazy = info.is_lazy
        if lazy:
            theirs(*given.args, **given.kwargs)
        else:
            compare_state(torch, ours, theirs, "state", values=False)
        load(torch, ours, theirs)
        args, kwargs = translator(tuple(given.args)), translator(dict(given.kwargs))
        theirs_result = theirs(*given.args, **given.kwargs)
        ours_result = ours(*args, **kwargs)
        random = (training and is_random(theirs)) or "Fractional" in info.name
        a, b = flatten(ours_result, pynn.Tensor), flatten(theirs_result, torch.Tensor)
        if len(a) != len(b):
            raise Differs(f"{len(a)} results, torch {len(b)}")
        for x, y in zip(a, b):
            check_close(torch, "result", x, y, 10, random=random)
        if repr(ours) != repr(theirs):
            raise Differs(f"repr afterwards {ours!r}, torch {theirs!r}")
        compare_state(torch, ours, theirs, "state afterwards", values=True)
        if not random and any(isinstance(y, torch.Tensor) and y.requires_grad for y in b):
            held = dict(ours.named_parameters())
            for key, parameter in theirs.named_parameters():
                if parameter.requires_grad:
                    translator.leaves.append((parameter, held[key]))
            gradients(torch, ours_result, theirs_result, translator, 10)

    def compare_error(self, info: Any, ours_class: type, case: Any, training: bool) -> None:
        sample, translator = case.module_error_input, Translator(self.torch)
        made, given = sample.constructor_input, sample.forward_input
        expected = self.raised(lambda: self.build(info.module_cls, made, given, training))
        if expected is None:
            return
        construct = translator(tuple(made.args)), translator(dict(made.kwargs))
        forward = None if given is None else (translator(tuple(given.args)), translator(dict(given.kwargs)))
        found = self.raised(lambda: self.build_ours(ours_class, construct, forward, training))
        if found is None:
            raise Differs(f"accepts what torch refuses: {type(expected).__name__} {expected}")
        if not isinstance(found, type(expected)):
            raise Differs(f"raises {type(found).__name__} ({found}), torch {type(expected).__name__} ({expected})")

    def build(self, cls: Any, made: Any, given: Any, training: bool) -> None:
        module = cls(*made.args, **made.kwargs).train(training)
        if given is not None:
            module(*given.args, **given.kwargs)

    def build_ours(self, cls: Any, made: Any, given: Any, training: bool) -> None:
        module = cls(*made[0], **made[1]).train(training)
        if given is not None:
            module(*given[0], **given[1])

    def raised(self, function: Any) -> Exception | None:
        try:
            function()
        except Exception as error:
            return error
        return None


def arguments(function: Any) -> list[tuple[str, str, Any]]:
    """(name, kind, default) of each argument, defaults by their text."""
    out = []
    for p in inspect.signature(function).parameters.values():
        default = p.default.__name__ if inspect.isroutine(p.default) else repr(p.default)
        out.append((p.name, str(p.kind), default))
    return out


def compare_signatures(torch: ModuleType) -> int:
    """Print each class and function whose arguments are not torch's; returns how many."""
    count = 0
    spaces = [("nn", torch.nn, pynn.nn), ("nn.functional", torch.nn.functional, pynn.nn.functional)]
    spaces += [("nn.init", torch.nn.init, pynn.nn.init), ("nn.utils", torch.nn.utils, pynn.nn.utils)]
    for label, theirs, ours in spaces:
        for name in dir(theirs):
            value = getattr(theirs, name)
            if name.startswith("_") or not callable(value) or not getattr(value, "__module__", "").startswith("torch."):
                continue
            if not hasattr(ours, name):
                print(f"{label}.{name}: missing")
                continue
            mine = getattr(ours, name)
            pairs = [("", value, mine)]
            if inspect.isclass(value):
                pairs = [(f".{m}", getattr(value, m), getattr(mine, m, None)) for m in ("__init__", "forward")
                         if hasattr(value, m)]  # fmt: skip
            for suffix, a, b in pairs:
                try:
                    wanted = arguments(a)
                except (TypeError, ValueError):
                    continue
                found = arguments(b) if b is not None else None
                if found != wanted:
                    count += 1
                    print(f"{label}.{name}{suffix}:\n    pynn  {inspect.signature(b) if b else None}"
                          f"\n    torch {inspect.signature(a)}")  # fmt: skip
    return count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--dtypes", default="float32,float64")
    parser.add_argument("-v", action="store_true")
    parser.add_argument("--traceback", action="store_true")
    parser.add_argument("--signatures", action="store_true")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    if options.signatures:
        sys.exit(compare_signatures(load_torch()[0]) > 0)
    runner = Runner(options)
    runner.run()
    for name, failures in runner.failures.items():
        for where, error in failures if options.v else failures[:1]:
            text = str(error).replace("\n", " ")[:400]
            print(f"{name} [{len(failures)} of {len(failures) + runner.passed[name]}] {where}: "
                  f"{type(error).__name__}: {text}")  # fmt: skip
    print(f"missing {len(runner.missing)}: {' '.join(runner.missing)}")
    failed = sum(map(len, runner.failures.values()))
    print(f"samples: {sum(runner.passed.values())} right, {failed} differ")


if __name__ == "__main__":
    main()
