"""GoogLeNet (Szegedy et al., 2014), with batch norm."""

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import pynn
from pynn import Tensor, nn
from pynn.nn import functional as F
from pynn.vision.models._builders import define

_Layer = Callable[..., nn.Module]


class GoogLeNetOutputs(NamedTuple):
    """What GoogLeNet returns in training: class scores (N, num_classes) of the end and of two places before it."""

    logits: Tensor
    aux_logits2: Tensor | None
    aux_logits1: Tensor | None


# Another name for the same, in use with older code.
_GoogLeNetOutputs = GoogLeNetOutputs


def _retune_input(x: Tensor) -> Tensor:
    """From ImageNet's means and deviations by channel to 0.5 and 0.5, which the first weights were made for."""
    scale = pynn.tensor([0.229, 0.224, 0.225], dtype=x.dtype).reshape(1, 3, 1, 1) / 0.5
    shift = (pynn.tensor([0.485, 0.456, 0.406], dtype=x.dtype).reshape(1, 3, 1, 1) - 0.5) / 0.5
    return x * scale + shift


def _initialise(model: nn.Module, init_weights: bool | None, default: float) -> None:
    """Normal weights of a module's `stddev`, or else `default`, cut off at two units; norms start as the identity.

    Unless init_weights is False; None, which warns, means True.
    """
    if init_weights is None:
        warnings.warn(
            "init_weights=True takes long here and will not stay the default: pass init_weights=True or False.",
            FutureWarning,
            stacklevel=4,
        )
    elif not init_weights:
        return
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.trunc_normal_(module.weight, mean=0.0, std=float(getattr(module, "stddev", default)), a=-2, b=2)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.ones_(module.weight)
            nn.init.zeros_(module.bias)


class BasicConv2d(nn.Module):
    """A convolution without bias, batch norm (eps 0.001) and ReLU."""

    def __init__(self, in_channels: int, out_channels: int, **kwargs: Any) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, bias=False, **kwargs)
        self.bn = nn.BatchNorm2d(out_channels, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)), inplace=True)


class Inception(nn.Module):
    """Four branches side by side: 1 x 1; 1 x 1 and 3 x 3; the same again (where the paper has 5 x 5); a pool and 1 x 1."""

    def __init__(
        self,
        in_channels: int,
        ch1x1: int,
        ch3x3red: int,
        ch3x3: int,
        ch5x5red: int,
        ch5x5: int,
        pool_proj: int,
        conv_block: _Layer | None = None,
    ) -> None:
        super().__init__()
        conv = conv_block or BasicConv2d
        self.branch1 = conv(in_channels, ch1x1, kernel_size=1)
        self.branch2 = nn.Sequential(
            conv(in_channels, ch3x3red, kernel_size=1), conv(ch3x3red, ch3x3, kernel_size=3, padding=1)
        )
        # The published weights have 3 x 3 here, so this has too.
        self.branch3 = nn.Sequential(
            conv(in_channels, ch5x5red, kernel_size=1), conv(ch5x5red, ch5x5, kernel_size=3, padding=1)
        )
        self.branch4 = nn.Sequential(
            nn.MaxPool2d(kernel_size=3, stride=1, padding=1, ceil_mode=True),
            conv(in_channels, pool_proj, kernel_size=1),
        )

    def forward(self, x: Tensor) -> Tensor:
        return pynn.cat([self.branch1(x), self.branch2(x), self.branch3(x), self.branch4(x)], 1)


class InceptionAux(nn.Module):
    """Class scores from the middle of the network, for training."""

    def __init__(
        self, in_channels: int, num_classes: int, conv_block: _Layer | None = None, dropout: float = 0.7
    ) -> None:
        super().__init__()
        self.conv = (conv_block or BasicConv2d)(in_channels, 128, kernel_size=1)
        self.fc1 = nn.Linear(2048, 1024)
        self.fc2 = nn.Linear(1024, num_classes)
        self.dropout = nn.Dropout(p=dropout)

    def forward(self, x: Tensor) -> Tensor:
        x = pynn.flatten(self.conv(F.adaptive_avg_pool2d(x, (4, 4))), 1)
        out: Tensor = self.fc2(self.dropout(F.relu(self.fc1(x), inplace=True)))
        return out


class GoogLeNet(nn.Module):
    """Images (N, 3, H, W) to (N, num_classes); in training, with aux_logits, to GoogLeNetOutputs.

    transform_input: take images normalised with ImageNet's means and deviations to weights made for 0.5 and 0.5.
    """

    def __init__(
        self,
        num_classes: int = 1000,
        aux_logits: bool = True,
        transform_input: bool = False,
        init_weights: bool | None = None,
        blocks: list[_Layer] | None = None,
        dropout: float = 0.2,
        dropout_aux: float = 0.7,
    ) -> None:
        super().__init__()
        conv, inception, aux = blocks or (BasicConv2d, Inception, InceptionAux)
        self.aux_logits = aux_logits
        self.transform_input = transform_input
        self.conv1 = conv(3, 64, kernel_size=7, stride=2, padding=3)
        self.maxpool1 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.conv2 = conv(64, 64, kernel_size=1)
        self.conv3 = conv(64, 192, kernel_size=3, padding=1)
        self.maxpool2 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.inception3a = inception(192, 64, 96, 128, 16, 32, 32)
        self.inception3b = inception(256, 128, 128, 192, 32, 96, 64)
        self.maxpool3 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.inception4a = inception(480, 192, 96, 208, 16, 48, 64)
        self.inception4b = inception(512, 160, 112, 224, 24, 64, 64)
        self.inception4c = inception(512, 128, 128, 256, 24, 64, 64)
        self.inception4d = inception(512, 112, 144, 288, 32, 64, 64)
        self.inception4e = inception(528, 256, 160, 320, 32, 128, 128)
        self.maxpool4 = nn.MaxPool2d(2, stride=2, ceil_mode=True)
        self.inception5a = inception(832, 256, 160, 320, 32, 128, 128)
        self.inception5b = inception(832, 384, 192, 384, 48, 128, 128)
        self.aux1 = aux(512, num_classes, dropout=dropout_aux) if aux_logits else None
        self.aux2 = aux(528, num_classes, dropout=dropout_aux) if aux_logits else None
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.dropout = nn.Dropout(p=dropout)
        self.fc = nn.Linear(1024, num_classes)
        _initialise(self, init_weights, 0.01)

    def forward(self, x: Tensor) -> Tensor | GoogLeNetOutputs:
        if self.transform_input:
            x = _retune_input(x)
        x = self.maxpool1(self.conv1(x))
        x = self.maxpool2(self.conv3(self.conv2(x)))
        x = self.maxpool3(self.inception3b(self.inception3a(x)))
        x = self.inception4a(x)
        aux1 = self.aux1(x) if self.training and self.aux1 is not None else None
        x = self.inception4d(self.inception4c(self.inception4b(x)))
        aux2 = self.aux2(x) if self.training and self.aux2 is not None else None
        x = self.maxpool4(self.inception4e(x))
        x = self.avgpool(self.inception5b(self.inception5a(x)))
        x = self.fc(self.dropout(pynn.flatten(x, 1)))
        return GoogLeNetOutputs(x, aux2, aux1) if self.training and self.aux_logits else x


def _with_weights(options: dict[str, Any]) -> Callable[[GoogLeNet], GoogLeNet]:
    wanted = options.get("aux_logits", False)
    options |= {"aux_logits": True, "init_weights": False}
    options.setdefault("transform_input", True)

    def finish(model: GoogLeNet) -> GoogLeNet:
        if wanted:
            warnings.warn("auxiliary heads in the pretrained googlenet model are NOT pretrained", stacklevel=2)
        else:
            model.aux_logits, model.aux1, model.aux2 = False, None, None
        return model

    return finish


googlenet = define("googlenet", "GoogLeNet", GoogLeNet, with_weights=_with_weights)
