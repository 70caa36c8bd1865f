"""SqueezeNet (Iandola et al., 2016)."""

import pynn
from pynn import Tensor, nn
from pynn.vision.models._builders import define

# (squeeze, expand) channels of the eight fire modules; "M" a pool. The versions differ in where they pool.
_FIRES: dict[str, list[int | str]] = {
    "1_0": ["M", 16, 16, 32, "M", 32, 48, 48, 64, "M", 64],
    "1_1": ["M", 16, 16, "M", 32, 32, "M", 48, 48, 64, 64],
}


class Fire(nn.Module):
    """A 1 x 1 convolution to a few channels, then 1 x 1 and 3 x 3 ones side by side."""

    def __init__(self, inplanes: int, squeeze_planes: int, expand1x1_planes: int, expand3x3_planes: int) -> None:
        super().__init__()
        self.inplanes = inplanes
        self.squeeze = nn.Conv2d(inplanes, squeeze_planes, 1)
        self.squeeze_activation = nn.ReLU(inplace=True)
        self.expand1x1 = nn.Conv2d(squeeze_planes, expand1x1_planes, 1)
        self.expand1x1_activation = nn.ReLU(inplace=True)
        self.expand3x3 = nn.Conv2d(squeeze_planes, expand3x3_planes, 3, padding=1)
        self.expand3x3_activation = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        x = self.squeeze_activation(self.squeeze(x))
        wide, narrow = self.expand1x1_activation(self.expand1x1(x)), self.expand3x3_activation(self.expand3x3(x))
        return pynn.cat([wide, narrow], 1)


class SqueezeNet(nn.Module):
    """Images (N, 3, H, W) to (N, num_classes). version: "1_0" or "1_1"; raises ValueError for another."""

    def __init__(self, version: str = "1_0", num_classes: int = 1000, dropout: float = 0.5) -> None:
        super().__init__()
        self.num_classes = num_classes
        if version not in _FIRES:
            raise ValueError(f"Unsupported SqueezeNet version {version}: 1_0 or 1_1 expected")
        channels = 96 if version == "1_0" else 64
        layers: list[nn.Module] = [
            nn.Conv2d(3, channels, 7 if version == "1_0" else 3, stride=2),
            nn.ReLU(inplace=True),
        ]
        for entry in _FIRES[version]:
            if isinstance(entry, str):
                layers.append(nn.MaxPool2d(3, 2, ceil_mode=True))
            else:
                layers.append(Fire(channels, entry, 4 * entry, 4 * entry))
                channels = 8 * entry
        self.features = nn.Sequential(*layers)
        last = nn.Conv2d(512, num_classes, 1)
        self.classifier = nn.Sequential(
            nn.Dropout(p=dropout), last, nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d((1, 1))
        )
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                if module is last:
                    nn.init.normal_(module.weight, mean=0.0, std=0.01)
                else:
                    nn.init.kaiming_uniform_(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, x: Tensor) -> Tensor:
        return pynn.flatten(self.classifier(self.features(x)), 1)


squeezenet1_0 = define("squeezenet1_0", "SqueezeNet 1.0", SqueezeNet, "1_0")
squeezenet1_1 = define(
    "squeezenet1_1", "SqueezeNet 1.1, the same accuracy for less than half the work", SqueezeNet, "1_1"
)
