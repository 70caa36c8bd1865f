"""Densely connected networks (Huang et al., 2016)."""

import re
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import pynn
from pynn import Tensor, nn
from pynn.nn import functional as F
from pynn.vision.models._builders import define


class _DenseLayer(nn.Module):
    """Norm, ReLU, 1 x 1; norm, ReLU, 3 x 3: growth_rate new channels from all that came before, given as a list."""

    def __init__(
        self, num_input_features: int, growth_rate: int, bn_size: int, drop_rate: float, memory_efficient: bool = False
    ) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(num_input_features)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv1 = nn.Conv2d(num_input_features, bn_size * growth_rate, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(bn_size * growth_rate)
        self.relu2 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(bn_size * growth_rate, growth_rate, 3, padding=1, bias=False)
        self.drop_rate = float(drop_rate)
        self.memory_efficient = memory_efficient

    def bn_function(self, inputs: list[Tensor]) -> Tensor:
        out: Tensor = self.conv1(self.relu1(self.norm1(pynn.cat(inputs, 1))))
        return out

    def forward(self, input: Tensor | list[Tensor]) -> Tensor:
        features = [input] if isinstance(input, Tensor) else input
        if self.memory_efficient and any(f.requires_grad for f in features):
            from pynn.utils.checkpoint import checkpoint

            inner = checkpoint(lambda *parts: self.bn_function(list(parts)), *features, use_reentrant=False)
        else:
            inner = self.bn_function(features)
        out = self.conv2(self.relu2(self.norm2(inner)))
        return F.dropout(out, p=self.drop_rate, training=self.training) if self.drop_rate > 0 else out


class _DenseBlock(nn.ModuleDict):
    def __init__(
        self,
        num_layers: int,
        num_input_features: int,
        bn_size: int,
        growth_rate: int,
        drop_rate: float,
        memory_efficient: bool = False,
    ) -> None:
        super().__init__()
        for i in range(num_layers):
            width = num_input_features + i * growth_rate
            self[f"denselayer{i + 1}"] = _DenseLayer(width, growth_rate, bn_size, drop_rate, memory_efficient)

    def forward(self, init_features: Tensor) -> Tensor:
        features = [init_features]
        for layer in self.values():
            features.append(layer(features))
        return pynn.cat(features, 1)


class _Transition(nn.Sequential):
    def __init__(self, num_input_features: int, num_output_features: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(num_input_features)
        self.relu = nn.ReLU(inplace=True)
        self.conv = nn.Conv2d(num_input_features, num_output_features, 1, bias=False)
        self.pool = nn.AvgPool2d(2, 2)


class DenseNet(nn.Module):
    """Images (N, 3, H, W) to (N, num_classes).

    growth_rate: channels that a layer adds; block_config: layers in each block; bn_size: how many growth rates of
    channels a layer's inner convolution has; memory_efficient: recompute the concatenations in backward.
    """

    def __init__(
        self,
        growth_rate: int = 32,
        block_config: tuple[int, ...] = (6, 12, 24, 16),
        num_init_features: int = 64,
        bn_size: int = 4,
        drop_rate: float = 0,
        num_classes: int = 1000,
        memory_efficient: bool = False,
    ) -> None:
        super().__init__()
        self.features = nn.Sequential(
            OrderedDict(
                conv0=nn.Conv2d(3, num_init_features, 7, stride=2, padding=3, bias=False),
                norm0=nn.BatchNorm2d(num_init_features),
                relu0=nn.ReLU(inplace=True),
                pool0=nn.MaxPool2d(3, 2, padding=1),
            )
        )
        width = num_init_features
        for i, count in enumerate(block_config, 1):
            block = _DenseBlock(count, width, bn_size, growth_rate, drop_rate, memory_efficient)
            self.features.add_module(f"denseblock{i}", block)
            width += count * growth_rate
            if i < len(block_config):
                self.features.add_module(f"transition{i}", _Transition(width, width // 2))
                width //= 2
        self.features.add_module("norm5", nn.BatchNorm2d(width))
        self.classifier = nn.Linear(width, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)
            elif isinstance(module, nn.Linear):
                nn.init.zeros_(module.bias)

    def load_state_dict(self, state_dict: Mapping[str, Any], *args: Any, **kwargs: Any) -> Any:
        # The files that were published name the layers' parts "norm.1", which a module's name cannot hold today.
        old = re.compile(r"(.*denselayer\d+\.(?:norm|relu|conv))\.([12]\..*)")
        renamed = OrderedDict((old.sub(r"\1\2", key), value) for key, value in state_dict.items())
        return super().load_state_dict(renamed, *args, **kwargs)

    def forward(self, x: Tensor) -> Tensor:
        features = F.relu(self.features(x), inplace=True)
        out: Tensor = self.classifier(pynn.flatten(F.adaptive_avg_pool2d(features, (1, 1)), 1))
        return out


densenet121 = define("densenet121", "DenseNet-121", DenseNet, 32, (6, 12, 24, 16), 64)
densenet161 = define("densenet161", "DenseNet-161", DenseNet, 48, (6, 12, 36, 24), 96)
densenet169 = define("densenet169", "DenseNet-169", DenseNet, 32, (6, 12, 32, 32), 64)
densenet201 = define("densenet201", "DenseNet-201", DenseNet, 32, (6, 12, 48, 32), 64)
