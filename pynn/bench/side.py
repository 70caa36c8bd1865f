"""One library under measurement: what a row asks of it, and how each way of using it answers."""

import contextlib
import importlib
import io
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

Step = Callable[[], Any]


class Side:
    """A library with torch's API as it comes, and numbers that are the same on every side.

    lib: the module. `scope` is the context that the step is to run in, `notes` what was done beyond the side's mode.
    """

    def __init__(self, lib: Any, threads: int = 0) -> None:
        self.lib = lib
        self.nn: Any = getattr(lib, "nn", None)
        self.functional: Any = getattr(self.nn, "functional", None)
        self.threads = threads
        self.scope: Callable[[], contextlib.AbstractContextManager[Any]] = contextlib.nullcontext
        self.notes: set[str] = set()
        self._random = np.random.default_rng(0)

    def normal(self, *shape: int, dtype: Any = np.float32) -> NDArray[Any]:
        """Normal numbers."""
        return self._random.standard_normal(shape).astype(dtype)

    def weight(self, *shape: int) -> NDArray[Any]:
        """Normal numbers of a size that keeps a layer's values in scale."""
        scale = 1 / np.sqrt(max(int(np.prod(shape[1:])) if len(shape) > 1 else 1, 16))
        return np.asarray(self._random.standard_normal(shape) * scale, np.float32)

    def tensor(self, values: NDArray[Any]) -> Any:
        """The library's tensor of an array."""
        return self.lib.from_numpy(values)

    def randn(self, *shape: int, dtype: Any = np.float32, requires_grad: bool = False) -> Any:
        """A tensor of normal numbers."""
        values = self.tensor(self.normal(*shape, dtype=dtype))
        return values.requires_grad_(True) if requires_grad else values

    def randint(self, high: int, *shape: int) -> Any:
        """An int64 tensor of numbers below `high`."""
        return self.tensor(self._random.integers(0, high, shape))

    def model(self, module: Any) -> Any:
        """The module as this side runs it, its parameters set to small normal numbers, its norms' weights about 1."""
        with self.lib.no_grad():
            for name, parameter in module.named_parameters():
                values = self.weight(*parameter.shape)
                if parameter.dim() == 1 and name.endswith("weight"):
                    values += 1
                parameter.copy_(self.lib.from_numpy(values))
        return self.prepared(module)

    def prepared(self, module: Any) -> Any:
        """The module in the form this side runs."""
        return module

    def laid(self, tensor: Any) -> Any:
        """An image, (N, C, ...) with two or three more dimensions, in the memory format this side wants."""
        return tensor

    def optimizer(self, name: str, parameters: Any, **options: Any) -> Any:
        """An optimizer of `lib.optim`."""
        return getattr(self.lib.optim, name)(parameters, **options)

    def forward(self, function: Callable[..., Any], *inputs: Any) -> Step:
        """The step `function(*inputs)`, whose gradients nobody asks for: inference."""
        self.scope = self.lib.inference_mode
        return lambda: function(*inputs)

    def train(self, module: Any, loss: Callable[..., Any], optimizer: Any, x: Any, y: Any) -> Step:
        """The step that trains a module on one batch and returns the loss."""

        def step() -> Any:
            optimizer.zero_grad()
            value = loss(module(x), y)
            value.backward()
            optimizer.step()
            return value

        return step


class Tuned(Side):
    """torch as its users tune it: images and networks over them channels_last, fused optimizers."""

    FORMATS: ClassVar = {4: "channels_last", 5: "channels_last_3d"}

    def prepared(self, module: Any) -> Any:
        dims = max((p.dim() for p in module.parameters()), default=0)
        if dims not in self.FORMATS:
            return module
        self.notes.add(self.FORMATS[dims])
        return module.to(memory_format=getattr(self.lib, self.FORMATS[dims]))

    def laid(self, tensor: Any) -> Any:
        if tensor.dim() not in self.FORMATS:
            return tensor
        self.notes.add(self.FORMATS[tensor.dim()])
        tracked = tensor.requires_grad
        moved = tensor.detach().contiguous(memory_format=getattr(self.lib, self.FORMATS[tensor.dim()]))
        return moved.requires_grad_(tracked)

    def optimizer(self, name: str, parameters: Any, **options: Any) -> Any:
        if name in ("SGD", "Adam", "AdamW", "Adagrad"):
            self.notes.add("fused")
            options["fused"] = True
        return super().optimizer(name, parameters, **options)


class Compiled(Side):
    """torch with its networks compiled."""

    def prepared(self, module: Any) -> Any:
        return self.lib.compile(module)


class Onnx(Side):
    """ONNX Runtime: torch's modules, exported, as graphs."""

    def prepared(self, module: Any) -> Any:
        return module.requires_grad_(False)  # a function's graph may hold a module's weights as constants

    def forward(self, function: Callable[..., Any], *inputs: Any) -> Step:
        runtime = importlib.import_module("onnxruntime")
        file, module = io.BytesIO(), self._module(function)
        network = any(True for _ in module.children())  # one layer goes by the older exporter, in a tenth of the time
        with self.lib.no_grad():
            self.lib.onnx.export(module, inputs, file, verbose=False, dynamo=network)
        options = runtime.SessionOptions()
        options.intra_op_num_threads = self.threads
        options.inter_op_num_threads = 1
        session = runtime.InferenceSession(file.getvalue(), options, providers=["CPUExecutionProvider"])
        feed = {slot.name: value.numpy() for slot, value in zip(session.get_inputs(), inputs)}
        return lambda: session.run(None, feed)

    def _module(self, function: Callable[..., Any]) -> Any:
        """The function as a module, which is what can be exported."""
        module = self.nn.Module
        if isinstance(function, module):
            return function
        return type("Function", (module,), {"forward": lambda _, *inputs: function(*inputs)})()


class Arrays(Side):
    """NumPy: rows that say what they do with operators alone."""

    def tensor(self, values: NDArray[Any]) -> Any:
        return values

    def forward(self, function: Callable[..., Any], *inputs: Any) -> Step:
        return lambda: function(*inputs)


class Jax(Arrays):
    """JAX: every step one compiled function; `lib` is `jax`, `lib.numpy` its arrays."""

    def tensor(self, values: NDArray[Any]) -> Any:
        return self.lib.numpy.asarray(values)

    def weights(self, *shapes: tuple[int, ...]) -> list[Any]:
        """The tensors that `model` would fill a module's parameters with."""
        return [self.tensor(self.weight(*shape)) for shape in shapes]

    def forward(self, function: Callable[..., Any], *inputs: Any) -> Step:
        compiled, wait = self.lib.jit(function), self.lib.block_until_ready
        return lambda: wait(compiled(*inputs))

    def updates(self, function: Callable[..., Any], state: Any, *inputs: Any) -> Step:
        """The step `state, result = function(state, *inputs)`, which returns the result."""
        compiled, wait = self.lib.jit(function, donate_argnums=0), self.lib.block_until_ready

        def step() -> Any:
            nonlocal state
            state, result = wait(compiled(state, *inputs))
            return result

        return step

    def gradients(self, function: Callable[..., Any], inputs: list[Any], g: Any, pick: int | None = None) -> Step:
        """The step that computes the gradients of `function(*inputs)` by the inputs, the output's gradient being `g`.

        It returns all of them, or the one that `pick` says, as the row does.
        """
        step = self.forward(lambda inputs, g: self.lib.vjp(function, *inputs)[1](g), inputs, g)
        return step if pick is None else lambda: step()[pick]
