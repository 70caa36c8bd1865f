"""VGG (Simonyan and Zisserman, 2014), with and without batch norm."""

from typing import Any

import pynn
from pynn import Tensor, nn
from pynn.vision.models._builders import define

# Channels of the 3 x 3 convolutions in order; "M" halves the size.
cfgs: dict[str, list[str | int]] = {
    "A": [64, "M", 128, "M", 256, 256, "M", 512, 512, "M", 512, 512, "M"],
    "B": [64, 64, "M", 128, 128, "M", 256, 256, "M", 512, 512, "M", 512, 512, "M"],
    "D": [64, 64, "M", 128, 128, "M", 256, 256, 256, "M", 512, 512, 512, "M", 512, 512, 512, "M"],
    "E": [64, 64, "M", 128, 128, "M", *[256] * 4, "M", *[512] * 4, "M", *[512] * 4, "M"],
}


class VGG(nn.Module):
    """Images (N, 3, H, W) to (N, num_classes): `features`, an average pool to 7 x 7, three linear layers."""

    def __init__(
        self, features: nn.Module, num_classes: int = 1000, init_weights: bool = True, dropout: float = 0.5
    ) -> None:
        super().__init__()
        self.features = features
        self.avgpool = nn.AdaptiveAvgPool2d((7, 7))
        self.classifier = nn.Sequential(
            nn.Linear(512 * 7 * 7, 4096),
            nn.ReLU(True),
            nn.Dropout(p=dropout),
            nn.Linear(4096, 4096),
            nn.ReLU(True),
            nn.Dropout(p=dropout),
            nn.Linear(4096, num_classes),
        )
        if init_weights:
            self._initialise()

    def _initialise(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, 0, 0.01)
            elif isinstance(module, nn.BatchNorm2d):
                nn.init.ones_(module.weight)
            else:
                continue
            if module.bias is not None:
                nn.init.zeros_(module.bias)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.classifier(pynn.flatten(self.avgpool(self.features(x)), 1))
        return out


def make_layers(cfg: list[str | int], batch_norm: bool = False) -> nn.Sequential:
    """The convolutions that a list as in `cfgs` describes."""
    layers: list[nn.Module] = []
    channels = 3
    for entry in cfg:
        if isinstance(entry, str):
            layers.append(nn.MaxPool2d(2, 2))
            continue
        layers.append(nn.Conv2d(channels, entry, 3, padding=1))
        if batch_norm:
            layers.append(nn.BatchNorm2d(entry))
        layers.append(nn.ReLU(inplace=True))
        channels = entry
    return nn.Sequential(*layers)


def _vgg(cfg: str, batch_norm: bool, **options: Any) -> VGG:
    return VGG(make_layers(cfgs[cfg], batch_norm), **options)


vgg11 = define("vgg11", "VGG with 11 layers", _vgg, "A", False)
vgg11_bn = define("vgg11_bn", "VGG with 11 layers and batch norm", _vgg, "A", True)
vgg13 = define("vgg13", "VGG with 13 layers", _vgg, "B", False)
vgg13_bn = define("vgg13_bn", "VGG with 13 layers and batch norm", _vgg, "B", True)
vgg16 = define("vgg16", "VGG with 16 layers", _vgg, "D", False)
vgg16_bn = define("vgg16_bn", "VGG with 16 layers and batch norm", _vgg, "D", True)
vgg19 = define("vgg19", "VGG with 19 layers", _vgg, "E", False)
vgg19_bn = define("vgg19_bn", "VGG with 19 layers and batch norm", _vgg, "E", True)
