"""The networks that rows measure, written over a library's `nn` with torch's API."""

from typing import Any


def mlp(lib: Any) -> Any:
    """20-64-32-1."""
    nn = lib.nn
    return nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1))


MLP_FLOPS = 2 * 32 * (20 * 64 + 64 * 32 + 32)
"""Of a forward pass of 32 rows."""

CIFAR_WIDTHS = (32, 64, 128)


def cifar_cnn(lib: Any) -> Any:
    """Images (N, 3, 32, 32) to 10 classes: three stages of two Conv-BatchNorm-ReLU and a pool, two linear layers."""
    nn = lib.nn
    layers: list[Any] = []
    before = 3
    for width in CIFAR_WIDTHS:
        for _ in range(2):
            layers += [nn.Conv2d(before, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU()]
            before = width
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(before * 16, 256), nn.ReLU(), nn.Linear(256, 10))


def cifar_flops() -> int:
    """Of a forward pass of one image."""
    total, before, size = 0, 3, 32
    for width in CIFAR_WIDTHS:
        total += 2 * 9 * size * size * width * (before + width)
        before, size = width, size // 2
    return total + 2 * (before * 16 * 256 + 256 * 10)


RESNET50_FLOPS = 2 * 4_089_184_256
"""Of a forward pass of one 224 x 224 image."""


def resnet50(lib: Any) -> Any:
    """ResNet-50 (He et al., 2015, with the stride on the 3 x 3): images (N, 3, 224, 224) to 1000 classes."""
    nn = lib.nn

    class Bottleneck(nn.Module):  # type: ignore[misc,name-defined]
        def __init__(self, before: int, planes: int, stride: int) -> None:
            super().__init__()
            after = planes * 4
            self.conv1, self.bn1 = nn.Conv2d(before, planes, 1, bias=False), nn.BatchNorm2d(planes)
            self.conv2 = nn.Conv2d(planes, planes, 3, stride, 1, bias=False)
            self.bn2 = nn.BatchNorm2d(planes)
            self.conv3, self.bn3 = nn.Conv2d(planes, after, 1, bias=False), nn.BatchNorm2d(after)
            self.relu = nn.ReLU(inplace=True)
            self.downsample = None
            if before != after:
                self.downsample = nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after))

        def forward(self, x: Any) -> Any:
            shortcut = x if self.downsample is None else self.downsample(x)
            out = self.relu(self.bn1(self.conv1(x)))
            out = self.relu(self.bn2(self.conv2(out)))
            out = self.bn3(self.conv3(out))
            out += shortcut
            return self.relu(out)

    stages: list[Any] = []
    before = 64
    for planes, blocks in ((64, 3), (128, 4), (256, 6), (512, 3)):
        for i in range(blocks):
            stages.append(Bottleneck(before, planes, 2 if i == 0 and planes > 64 else 1))
            before = planes * 4
    return nn.Sequential(
        nn.Conv2d(3, 64, 7, 2, 3, bias=False),
        nn.BatchNorm2d(64),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(3, 2, 1),
        *stages,
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(2048, 1000),
    )


WORDS = 256
"""The tokens that `gpt` knows."""


def gpt(lib: Any, width: int = 256, layers: int = 4, heads: int = 8, length: int = 128) -> Any:
    """Tokens (batch, length) to scores (batch, length, WORDS): pre-norm blocks of causal attention."""
    nn, functional = lib.nn, lib.nn.functional

    class Block(nn.Module):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
            self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
            self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

        def forward(self, x: Any) -> Any:
            batch, time, _ = x.shape
            q, k, v = self.qkv(self.norm1(x)).view(batch, time, 3, heads, width // heads).permute(2, 0, 3, 1, 4)
            y = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + self.out(y.transpose(1, 2).reshape(batch, time, width))
            return x + self.mlp(self.norm2(x))

    class GPT(nn.Module):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.token, self.place = nn.Embedding(WORDS, width), nn.Embedding(length, width)
            self.blocks = nn.Sequential(*(Block() for _ in range(layers)))
            self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, WORDS, bias=False)

        def forward(self, tokens: Any) -> Any:
            x = self.token(tokens) + self.place(lib.arange(tokens.shape[1]))
            return self.head(self.norm(self.blocks(x)))

    return GPT()


def transformer_flops(batch: int, length: int, width: int, layers: int, causal: bool, words: int = 0) -> int:
    """Of a forward pass: projections, perceptrons four times as wide, attention, and scores of `words`."""
    attention = 4 * length * width // (2 if causal else 1)
    return batch * length * (layers * (24 * width * width + attention) + 2 * width * words)


def encoder(lib: Any) -> Any:
    """Sequences (batch, length, 256) to the same: four post-norm layers of 8 heads."""
    nn = lib.nn
    layer = nn.TransformerEncoderLayer(256, 8, 1024, dropout=0.0, activation="gelu", batch_first=True)
    return nn.TransformerEncoder(layer, 4, enable_nested_tensor=False)


def recurrent(lib: Any, kind: str) -> Any:
    """Sequences (length, batch, 64) to 10 classes: two layers of 128, a linear layer over the last step's output.

    kind: "LSTM", "GRU" or "RNN".
    """
    nn = lib.nn

    class Classifier(nn.Module):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.layers, self.head = getattr(nn, kind)(64, 128, 2), nn.Linear(128, 10)

        def forward(self, x: Any) -> Any:
            return self.head(self.layers(x)[0][-1])

    return Classifier()
