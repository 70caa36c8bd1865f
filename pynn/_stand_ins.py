"""Modules of torch that pynn lacks, so that programs that only import them, or ask after their classes, run.

    from pynn.distributed.fsdp import FullyShardedDataParallel

gives a class of which nothing is an instance, and which raises NotImplementedError, saying why, when it is called. A
few modules are others of pynn under the name that torch keeps them by. `_import_hook` asks here last, when an import of
something of pynn's would fail.
"""

import sys
from importlib import import_module
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, NoReturn

from pynn._absent import REASONS

_ONE_PROCESS = "pynn runs in one process; pynn.distributed has what a program needs to run as one."
_GRAPHS = "graphs of Python code are out of pynn's scope so far; modules run eagerly."
_INNER = "this is a part of torch's inner workings, and pynn works otherwise."

# Module, with those in it -> why it is not here.
ABSENT = {
    **{name: REASONS[name] for name in ("ao", "export", "fft", "quantization", "sparse")},
    **dict.fromkeys(("masked", "nested"), "masked and nested tensors are out of pynn's scope so far; use dense ones."),
    **dict.fromkeys(("nn.intrinsic", "nn.qat", "nn.quantizable", "nn.quantized"), REASONS["quantization"]),
    **dict.fromkeys((
        "distributed._composable", "distributed._functional_collectives", "distributed._shard", "distributed._tensor",
        "distributed.algorithms", "distributed.checkpoint", "distributed.constants", "distributed.device_mesh",
        "distributed.distributed_c10d", "distributed.elastic", "distributed.fsdp", "distributed.launcher", "distributed.nn",
        "distributed.optim", "distributed.pipelining", "distributed.rpc", "distributed.run", "distributed.tensor",
        "distributed.utils",
    ), _ONE_PROCESS),
    **dict.fromkeys(("_export", "_higher_order_ops", "fx.experimental", "fx.graph", "fx.graph_module", "fx.node",
                     "fx.passes", "fx.proxy"), _GRAPHS),
    **dict.fromkeys(("_C", "_decomp", "_dynamo", "_functorch", "_guards", "_inductor", "_logging", "_ops", "_prims", "_prims_common", "_refs",
                     "_subclasses", "utils._python_dispatch", "utils._sympy", "utils._triton"), _INNER),
    **dict.fromkeys((
        "distributions.continuous_bernoulli", "distributions.fishersnedecor",
        "distributions.generalized_pareto", "distributions.inverse_gamma", "distributions.kumaraswamy",
        "distributions.lkj_cholesky", "distributions.lowrank_multivariate_normal",
        "distributions.von_mises", "distributions.wishart",
    ), "pynn.distributions has the common distributions; this one is not among them yet."),
    "numa": "pynn does not place its threads; start the program under numactl.",
    **dict.fromkeys(("package", "utils.bundled_inputs", "utils.mobile_optimizer"),
                    "packages of code and models for phones are out of pynn's scope; pynn.save keeps a state_dict."),
}  # fmt: skip

# Functions of those modules that only ask whether something is at work -> their answer: it is not.
ANSWERS = {
    "_subclasses.fake_tensor.is_fake": False,
    "fx.experimental.proxy_tensor.get_proxy_mode": None,
    "utils._python_dispatch.is_traceable_wrapper_subclass": False,
}

# torch's name of a module -> pynn's, which has its names among others.
ALIASES = {
    "_dynamo._trace_wrapped_higher_order_op": "_dynamo",
    "_dynamo.decorators": "_dynamo",
    "_dynamo.eval_frame": "_dynamo",
    "cuda.amp.autocast_mode": "cuda.amp",
    "cuda.amp.grad_scaler": "cuda.amp",
    "cuda.graphs": "cuda.streams",
    "functional": "",
    "nn.parallel.distributed": "nn.parallel",
    "nn.parallel.scatter_gather": "nn.parallel",
    "optim._multi_tensor": "optim",
}


class StandIn(type):
    """The class of what stands for an absent function or class: it can be asked after and inherited from, not called."""

    _why: str

    def __call__(cls, *args: Any, **kwargs: Any) -> NoReturn:
        raise NotImplementedError(f"{cls.__module__}.{cls.__qualname__}: {cls._why}")

    def __getattr__(cls, name: str) -> "StandIn":  # an enum's member, as in ShardingStrategy.FULL_SHARD
        if name.startswith("__"):
            raise AttributeError(f"type object '{cls.__name__}' has no attribute '{name}'")
        return stand_in(cls.__module__, f"{cls.__qualname__}.{name}", cls._why)

    def __instancecheck__(cls, instance: Any) -> bool:
        return False


def stand_in(module: str, name: str, why: str) -> StandIn:
    """What `module.name` is where torch has something that pynn has not."""
    return StandIn(name.rpartition(".")[2], (), {"__module__": module, "__qualname__": name, "_why": why})


def reason(module: str) -> str | None:
    """Why pynn lacks the module of this name (without "pynn."), or None where it is not one of those."""
    while module:
        if module in ABSENT:
            return ABSENT[module]
        module = module.rpartition(".")[0]
    return None


class Absent(ModuleType):
    """A module that has whatever is asked of it: stand-ins, and the answers above."""

    _why: str

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(f"module '{self.__name__}' has no attribute '{name}'.")
        full = f"{self.__name__}.{name}".partition(".")[2]
        found = (lambda *_: ANSWERS[full]) if full in ANSWERS else stand_in(self.__name__, name, self._why)
        setattr(self, name, found)
        return found


class _Loader:
    @staticmethod
    def create_module(spec: ModuleSpec) -> ModuleType | None:
        name = spec.name.partition(".")[2]
        if name in ALIASES:
            return None
        module = Absent(spec.name, f"Not in pynn: {reason(name)}")
        module._why = reason(name) or ""
        return module

    @staticmethod
    def exec_module(module: ModuleType) -> None:
        ours = ALIASES.get(module.__name__.partition(".")[2])
        if ours is not None:  # what the import finds there when this returns
            sys.modules[module.__name__] = import_module(f"pynn.{ours}" if ours else "pynn")


def find_spec(name: str) -> ModuleSpec | None:
    """The spec of a module that stands in for torch's, or is another's second name; None for other names."""
    inner = name.partition(".")[2]
    if inner in ALIASES or reason(inner) is not None:
        return ModuleSpec(name, _Loader(), is_package=True)  # type: ignore[arg-type]
    return None
