"""Unpicklers: one that can only build data, and one that trusts the file.

`SafeUnpickler` runs the Python form of pickle's interpreter with fewer opcodes. A global
in the file must be on the list in `rebuild` or have been allowed by `add_safe_globals`;
only those listed functions are called; attributes are set on ordered dicts and on
instances of allowed classes only, and items on plain containers only.
"""

import importlib
import pickle
from collections import Counter, OrderedDict
from typing import Any, ClassVar

from pynn import serialization
from pynn._core import Tensor
from pynn.serialization import rebuild

_BUILTIN_MODULES = {"__builtin__": "builtins", "copy_reg": "copyreg", "UserDict": "collections"}
_TENSOR_MODULES = ("torch", "torch._utils", "torch.storage", "torch.cuda", "torch.serialization")
_OPCODES = [
    "PROTO", "FRAME", "STOP", "MARK", "POP", "POP_MARK", "DUP", "NONE", "NEWTRUE", "NEWFALSE", "INT", "BININT",
    "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT", "STRING", "BINSTRING", "SHORT_BINSTRING",
    "BINBYTES", "BINBYTES8", "SHORT_BINBYTES", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8",
    "EMPTY_LIST", "LIST", "APPEND", "APPENDS", "EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "EMPTY_DICT",
    "DICT", "SETITEM", "SETITEMS", "EMPTY_SET", "ADDITEMS", "FROZENSET", "GET", "BINGET", "LONG_BINGET", "PUT",
    "BINPUT", "LONG_BINPUT", "MEMOIZE", "GLOBAL", "STACK_GLOBAL", "REDUCE", "BUILD", "NEWOBJ", "BINPERSID",
]  # fmt: skip


class StorageUnpickler:
    """What both unpicklers share: persistent ids are storages, which `find_storage(kind, key, location, numel, view)` gives."""

    find_storage = None

    def persistent_load(self, pid: Any) -> Any:
        if not isinstance(pid, tuple) or len(pid) not in (5, 6) or pid[0] not in ("storage", b"storage"):
            raise pickle.UnpicklingError(f"the file refers to {pid!r}, which is no storage.")
        if self.find_storage is None:
            raise pickle.UnpicklingError("the file names a storage where none can be.")
        _, kind, key, location, numel, *view = pid
        if not isinstance(kind, rebuild.StorageKind):
            raise pickle.UnpicklingError(f"the file names a storage of {kind!r}, which is no kind of storage.")
        if type(numel) is not int or numel < 0:
            raise pickle.UnpicklingError(f"the file names a storage of {numel!r} elements.")
        return self.find_storage(kind, key, location, numel, view[0] if view else None)


def allowed(full: Any) -> Any:
    """What a name in a file stands for, if files may name it; else None."""
    found = serialization._safe_globals.get(full)
    if found is None and full.startswith("numpy.core."):  # as NumPy 1 wrote
        found = serialization._safe_globals.get(full.replace("numpy.core.", "numpy._core.", 1))
    return rebuild.torch_global(full) if found is None else found


def pickled_globals(data: Any) -> Any:
    """The names of all globals in a pickle, as "module.name". Nothing is executed; damage gives UnpicklingError."""
    import pickletools

    names: set[str] = set()
    strings: list[Any] = []
    memo: dict[Any, Any] = {}
    value: Any
    try:
        for opcode, value, _ in pickletools.genops(data):
            if opcode.name == "GLOBAL":
                module, _, name = value.partition(" ")
                names.add(f"{_BUILTIN_MODULES.get(module, module)}.{name}")
            elif opcode.name == "STACK_GLOBAL":
                module, name = strings[-2:]
                strings.append(None)
                names.add(f"{_BUILTIN_MODULES.get(module, module)}.{name}")
            elif opcode.name == "MEMOIZE":
                memo[len(memo)] = strings[-1] if strings else None
            elif opcode.name in ("BINPUT", "LONG_BINPUT"):
                memo[value] = strings[-1] if strings else None
            elif opcode.name in ("BINGET", "LONG_BINGET"):
                strings.append(memo.get(value))
            elif opcode.name != "PROTO":
                strings.append(value if isinstance(value, str) else None)
    except Exception as error:
        raise pickle.UnpicklingError(f"the file's pickle is damaged ({type(error).__name__}: {error}).") from error
    return names


class SafeUnpickler(StorageUnpickler, pickle._Unpickler):
    """Builds tensors, numbers, strings and containers, and raises UnpicklingError for anything else."""

    stack: list[Any]  # pickle._Unpickler's own
    metastack: list[list[Any]]

    def find_class(self, module: Any, name: str) -> Any:
        full = f"{_BUILTIN_MODULES.get(module, module)}.{name}"
        found = allowed(full)
        if found is None:
            raise pickle.UnpicklingError(_refusal(full))
        return found

    def _call(self, function: Any, args: Any) -> Any:
        allowed = (*rebuild.FUNCTIONS.values(), *serialization._safe_globals.values())
        if not any(function is f for f in allowed):
            raise pickle.UnpicklingError(f"the file calls {function!r}, which is not an allowed function.")
        if not isinstance(args, tuple):
            raise pickle.UnpicklingError(f"the file calls {function!r} with {type(args).__name__} for a tuple.")
        return function, args

    def _reduce(self) -> None:
        args = self.stack.pop()
        function, args = self._call(self.stack[-1], args)
        self.stack[-1] = function(*args)

    def _newobj(self) -> None:
        args = self.stack.pop()
        cls, args = self._call(self.stack[-1], args)
        if not isinstance(cls, type):
            raise pickle.UnpicklingError(f"the file makes an instance of {cls!r}, which is no class.")
        self.stack[-1] = cls.__new__(cls, *args)

    def _build(self) -> None:
        state = self.stack.pop()
        target = self.stack[-1]
        if type(target) is OrderedDict and isinstance(state, dict):
            target.__dict__.update(state)
        elif any(type(target) is cls for cls in serialization._safe_globals.values()):
            _set_state(target, state)
        else:
            raise pickle.UnpicklingError(f"the file sets the state of a {type(target).__name__}, which is not allowed.")

    def _into(self, depth: Any, kinds: Any) -> None:
        """Raise unless the container that items go to, `depth` below the top or below the mark, is of a plain kind."""
        target = self.metastack[-1][-1] if depth is None else self.stack[-depth]
        if not any(type(target) is kind for kind in kinds):
            raise pickle.UnpicklingError(f"the file puts items into a {type(target).__name__}, which is not allowed.")

    dispatch: ClassVar[dict[Any, Any]] = {
        getattr(pickle, name)[0]: pickle._Unpickler.dispatch[getattr(pickle, name)[0]] for name in _OPCODES
    }
    dispatch |= {pickle.REDUCE[0]: _reduce, pickle.NEWOBJ[0]: _newobj, pickle.BUILD[0]: _build}


def _guard(opcode: Any, depth: Any, kinds: Any) -> None:
    original = SafeUnpickler.dispatch[opcode[0]]

    def load(self: Any) -> None:
        self._into(depth, kinds)
        original(self)

    SafeUnpickler.dispatch[opcode[0]] = load


_DICTS = (dict, OrderedDict, Counter)
_guard(pickle.APPEND, 2, (list,))
_guard(pickle.APPENDS, None, (list,))
_guard(pickle.SETITEM, 3, _DICTS)
_guard(pickle.SETITEMS, None, _DICTS)
_guard(pickle.ADDITEMS, None, (set,))


def _set_state(target: Any, state: Any) -> None:
    if hasattr(target, "__setstate__"):
        target.__setstate__(state)
        return
    slots = None
    if isinstance(state, tuple) and len(state) == 2:
        state, slots = state
    if state:
        target.__dict__.update(state)
    for name, value in (slots or {}).items():
        setattr(target, name, value)


def _refusal(full: Any) -> str:
    if full.rpartition(".")[0] in _TENSOR_MODULES:
        return (
            f"the file needs {full}, and pynn has nothing like it: complex, quantized, sparse and wide unsigned tensors are "
            "not supported. Convert them in torch, for example by .float(), .dequantize() or .to_dense(), and save again."
        )
    short = full.rpartition(".")[2]
    return (
        f"Weights only load failed. Unsupported global: {full} was not an allowed global by default. If it is known to be "
        f"harmless, allow it: `pynn.serialization.add_safe_globals([{short}])`, or `with pynn.serialization.safe_globals("
        f"[{short}])`. A whole model needs `pynn.load(..., weights_only=False)`, which can run any code in the file: do that "
        "only if you trust where it comes from; better, save and load its state_dict()."
    )


class TrustingUnpickler(StorageUnpickler, pickle.Unpickler):
    """pickle's own, with torch's (and torchvision's) classes and functions taken to be pynn's of the same name."""

    def find_class(self, module: Any, name: str) -> Any:
        full = f"{_BUILTIN_MODULES.get(module, module)}.{name}"
        found = rebuild.torch_global(full)
        if found is not None:
            return found
        package = module.partition(".")[0]
        if package not in _NAMESAKES:
            return super().find_class(module, name)
        found = _namesake(_NAMESAKES[package], module, name)
        if found is not None:
            return found
        if module in _TENSOR_MODULES:
            raise pickle.UnpicklingError(_refusal(full))
        raise pickle.UnpicklingError(
            f"the file needs {full}, and pynn has nothing of that name. Load it in torch and save the model's state_dict()."
        )


_NAMESAKES = {"torch": "pynn", "torchvision": "pynn.vision"}


def _namesake(package: Any, module: Any, name: str) -> Any:
    """What <package>.<...>.name is, in the module of the same path or the nearest one above it; or None."""
    if module.startswith("torch._C"):  # where torch keeps its compiled functions
        if name in ("_VariableFunctionsClass", "_VariableFunctions"):
            return importlib.import_module("pynn")  # a file gets the functions of this class by getattr
        if name in ("TensorBase", "_TensorBase"):
            return Tensor
        places = ["pynn.nn.functional", "pynn"]
    else:
        parts = module.split(".")[1:]
        shortest = min(len(parts), 1)
        places = [".".join([package, *parts[:depth]]) for depth in range(len(parts), shortest - 1, -1)]
    for place in places:
        try:
            found = importlib.import_module(place)
            for part in name.split("."):
                found = getattr(found, part)
        except (ImportError, AttributeError):
            continue
        return found
    return None
