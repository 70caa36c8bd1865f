"""Networks for image classification: torchvision's names, arguments and state_dict keys, so its weights load.

model = pynn.vision.models.resnet50(weights="resnet50-0676ba61.pth")
"""

import importlib
from typing import Any

from pynn.vision.models._builders import get_model, get_model_builder, list_models
from pynn.vision.models._utils import IntermediateLayerGetter
from pynn.vision.models._weights import Weights, WeightsEnum, find_enumeration, get_model_weights, get_weight

__all__ = [
    "IntermediateLayerGetter",
    "Weights",
    "WeightsEnum",
    "get_model",
    "get_model_builder",
    "get_model_weights",
    "get_weight",
    "list_models",
]

# The classes that each module offers here beside its builders.
_MODULES: dict[str, tuple[str, ...]] = {
    "alexnet": ("AlexNet",),
    "convnext": ("ConvNeXt",),
    "densenet": ("DenseNet",),
    "efficientnet": ("EfficientNet",),
    "googlenet": ("GoogLeNet", "GoogLeNetOutputs", "_GoogLeNetOutputs"),
    "inception": ("Inception3", "InceptionOutputs", "_InceptionOutputs"),
    "mnasnet": ("MNASNet",),
    "mobilenetv2": ("MobileNetV2",),
    "mobilenetv3": ("MobileNetV3",),
    "regnet": ("RegNet",),
    "resnet": ("ResNet",),
    "shufflenetv2": ("ShuffleNetV2",),
    "squeezenet": ("SqueezeNet",),
    "swin_transformer": ("SwinTransformer",),
    "vgg": ("VGG",),
    "vision_transformer": ("VisionTransformer",),
}


def _enumeration(name: str) -> Any:
    found = find_enumeration(name) if name.endswith("_Weights") else None
    if found is None:
        raise AttributeError(f"module 'pynn.vision.models' has no attribute '{name}'.")
    return found


def _collect() -> None:
    for name, classes in _MODULES.items():
        module = importlib.import_module(f"{__name__}.{name}")
        module.__dict__["__getattr__"] = _enumeration  # ResNet50_Weights and its like, made when first asked for
        globals().update({own: getattr(module, own) for own in classes})
    for name in list_models():
        globals()[name] = get_model_builder(name)
        __all__.append(name)
    __all__.extend(own for classes in _MODULES.values() for own in classes)


_collect()


def __getattr__(name: str) -> Any:
    if name in ("mobilenet", "detection", "segmentation", "video", "quantization", "optical_flow"):
        try:
            return importlib.import_module(f"{__name__}.{name}")
        except ModuleNotFoundError:
            raise AttributeError(f"pynn.vision has no models.{name}.") from None
    return _enumeration(name)
