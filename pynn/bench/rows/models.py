"""Whole networks: training steps and inference. The losses of the first training steps must agree."""

from collections.abc import Callable
from typing import Any

from pynn.bench import networks
from pynn.bench.row import Step, row
from pynn.bench.side import Jax, Side

Network = Callable[[Any], Any]
Images = tuple[int, ...]


def _train(name: str, network: Network, data: Callable[[Side], tuple[Any, Any]], loss: str, optimizer: str,
           options: dict[str, Any] | None = None, **row_options: Any) -> None:  # fmt: skip
    @row(f"{name}, train, {optimizer}", also=("torch compile",), checked=3, **row_options)
    def train(side: Side) -> Step:
        module = side.model(network(side.lib))
        stepper = side.optimizer(optimizer, module.parameters(), **{"lr": 1e-3} | (options or {}))
        x, y = data(side)
        return side.train(module, getattr(side.functional, loss), stepper, x, y)


def _infer(name: str, network: Network, data: Callable[[Side], Any], **row_options: Any) -> None:
    @row(f"{name}, inference", also=("torch compile", "ort"), **row_options)
    def infer(side: Side) -> Step:
        return side.forward(side.model(network(side.lib)).eval(), data(side))


def _images(batch: int, size: int, classes: int) -> Callable[[Side], tuple[Any, Any]]:
    return lambda side: (side.laid(side.randn(batch, 3, size, size)), side.randint(classes, batch))


def _only_x(data: Callable[[Side], tuple[Any, Any]]) -> Callable[[Side], Any]:
    return lambda side: data(side)[0]


# The 20-64-32-1 network, in JAX too.


def _mlp_data(side: Side) -> tuple[Any, Any]:
    return side.randn(32, 20), side.randn(32, 1)


def _jax_mlp(side: Jax) -> tuple[list[Any], Callable[..., Any]]:
    """The weights, and the network as a function of them and of its input."""

    def apply(weights: list[Any], x: Any) -> Any:
        w1, b1, w2, b2, w3, b3 = weights
        relu = side.lib.nn.relu
        return relu(relu(x @ w1.T + b1) @ w2.T + b2) @ w3.T + b3

    return side.weights((64, 20), (64,), (32, 64), (32,), (1, 32), (1,)), apply


def _jax_mlp_step(optimizer: str) -> Callable[[Jax], Step]:
    def make(side: Jax) -> Step:
        numpy, tree = side.lib.numpy, side.lib.tree
        weights, apply = _jax_mlp(side)
        gradient = side.lib.value_and_grad(lambda w, x, y: ((apply(w, x) - y) ** 2).mean())

        def sgd(state: Any, x: Any, y: Any) -> Any:
            loss, g = gradient(state, x, y)
            return tree.map(lambda w, g: w - 1e-3 * g, state, g), loss

        def adam(state: Any, x: Any, y: Any) -> Any:
            weights, first, second, count = state
            loss, g = gradient(weights, x, y)
            count = count + 1
            first = tree.map(lambda m, g: 0.9 * m + 0.1 * g, first, g)
            second = tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, second, g)
            rate, root = 1e-3 / (1 - 0.9**count), numpy.sqrt(1 - 0.999**count)
            moved = tree.map(lambda w, m, v: w - rate * m / (numpy.sqrt(v) / root + 1e-8), weights, first, second)
            return (moved, first, second, count), loss

        zeros = [numpy.zeros_like(w) for w in weights]
        state = weights if optimizer == "SGD" else (weights, zeros, [z.copy() for z in zeros], numpy.zeros(()))
        return side.updates(sgd if optimizer == "SGD" else adam, state, *_mlp_data(side))

    return make


def _jax_mlp_inference(side: Jax) -> Step:
    weights, apply = _jax_mlp(side)
    return side.forward(lambda x, *w: apply(list(w), x), _mlp_data(side)[0], *weights)


for _optimizer in ("SGD", "Adam"):
    _train(
        "MLP 20-64-32-1 b32", networks.mlp, _mlp_data, "mse_loss", _optimizer,
        flops=3 * networks.MLP_FLOPS, jax=_jax_mlp_step(_optimizer),
    )  # fmt: skip
_infer("MLP 20-64-32-1 b32", networks.mlp, _only_x(_mlp_data), flops=networks.MLP_FLOPS, jax=_jax_mlp_inference)

# Networks over images.

for _batch in (32, 128):
    _train(
        f"CIFAR-CNN b{_batch}", networks.cifar_cnn, _images(_batch, 32, 10), "cross_entropy", "SGD",
        flops=3 * _batch * networks.cifar_flops(), tolerance=1e-3, memory=True,
    )  # fmt: skip
    _infer(
        f"CIFAR-CNN b{_batch}", networks.cifar_cnn, _only_x(_images(_batch, 32, 10)),
        flops=_batch * networks.cifar_flops(), tolerance=1e-3,
    )  # fmt: skip

_train(
    "ResNet-50 b16", networks.resnet50, _images(16, 224, 1000), "cross_entropy", "SGD", {"momentum": 0.9},
    flops=3 * 16 * networks.RESNET50_FLOPS, tolerance=1e-2, long=True, memory=True,
)  # fmt: skip
for _batch in (1, 32):
    _infer(
        f"ResNet-50 b{_batch}", networks.resnet50, _only_x(_images(_batch, 224, 1000)),
        flops=_batch * networks.RESNET50_FLOPS, tolerance=1e-3, long=_batch > 1,
    )  # fmt: skip

# Networks over sequences.


def _tokens(side: Side) -> tuple[Any, Any]:
    return side.randint(networks.WORDS, 8, 128), side.randint(networks.WORDS, 8, 128)


def _token_loss(lib: Any) -> Any:
    """The network with its scores as (batch, WORDS, length), which is what `cross_entropy` takes."""
    nn = lib.nn

    class Scores(nn.Module):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.network = networks.gpt(lib)

        def forward(self, tokens: Any) -> Any:
            return self.network(tokens).transpose(1, 2)

    return Scores()


_GPT_FLOPS = networks.transformer_flops(8, 128, 256, 4, True, networks.WORDS)
_train("GPT d256 L4 h8 T128 b8", _token_loss, _tokens, "cross_entropy", "AdamW", flops=3 * _GPT_FLOPS, memory=True)
_infer("GPT d256 L4 h8 T128 b8", networks.gpt, _only_x(_tokens), flops=_GPT_FLOPS)


def _sequences(side: Side) -> tuple[Any, Any]:
    return side.randn(8, 128, 256), side.randn(8, 128, 256)


_ENCODER_FLOPS = networks.transformer_flops(8, 128, 256, 4, False)
_train("encoder d256 L4 h8 T128 b8", networks.encoder, _sequences, "mse_loss", "AdamW", flops=3 * _ENCODER_FLOPS)
_infer("encoder d256 L4 h8 T128 b8", networks.encoder, _only_x(_sequences), flops=_ENCODER_FLOPS)


def _timed(side: Side) -> tuple[Any, Any]:
    return side.randn(50, 32, 64), side.randint(10, 32)


for _kind, _gates in (("LSTM", 4), ("GRU", 3), ("RNN", 1)):
    _flops = 2 * 50 * 32 * _gates * 128 * (64 + 3 * 128)
    _network = lambda lib, kind=_kind: networks.recurrent(lib, kind)  # noqa: E731
    _train(f"{_kind} T50 b32 I64 H128 L2", _network, _timed, "cross_entropy", "Adam", flops=3 * _flops)
    _infer(f"{_kind} T50 b32 I64 H128 L2", _network, _only_x(_timed), flops=_flops)
