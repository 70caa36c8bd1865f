"""The names of published weights. Their files are looked for on this machine; nothing is downloaded."""

import enum
import functools
import os
from collections.abc import Mapping
from typing import Any, NamedTuple

from pynn.vision.models._weights_table import ROWS

__all__ = ["Weights", "WeightsEnum", "get_model_weights", "get_weight", "weights_of"]


class Weights(NamedTuple):
    """A file of weights: its name, how pictures are prepared for them, and what else is known."""

    file: str
    preparation: tuple[int, int, str, float | None]
    meta: dict[str, Any]


class WeightsEnum(enum.Enum):
    """The published weights of one model; `DEFAULT` are the best ones."""

    @property
    def file(self) -> str:
        """The file's name."""
        out: str = self.value.file
        return out

    @property
    def meta(self) -> dict[str, Any]:
        """What is known of them: the number of classes."""
        out: dict[str, Any] = self.value.meta
        return out

    @property
    def num_classes(self) -> int:
        """The number of classes they tell apart."""
        out: int = self.value.meta["num_classes"]
        return out

    def transforms(self, **options: Any) -> Any:
        """What prepares a picture for a model with these weights; options go to ImageClassification."""
        from pynn.vision.transforms import InterpolationMode
        from pynn.vision.transforms._presets import ImageClassification

        crop, resize, interpolation, mean = self.value.preparation
        own: dict[str, Any] = {
            "crop_size": crop,
            "resize_size": resize,
            "interpolation": InterpolationMode(interpolation),
        }
        if mean is not None:
            own |= {"mean": (mean,) * 3, "std": (mean,) * 3}
        return ImageClassification(**(own | options))

    def get_state_dict(self, *args: Any, **kwargs: Any) -> Mapping[str, Any]:
        """The weights, from where torch.hub keeps its files. Raises FileNotFoundError where they are not there."""
        from pynn.serialization import load

        folder = os.path.join(hub_folder(), "checkpoints")
        path = os.path.join(folder, self.file)
        if not os.path.isfile(path):
            raise FileNotFoundError(
                f"{type(self).__name__}.{self.name}: there is no {self.file} in {folder}. pynn downloads no weights: put "
                "the file there, or pass its path (weights='path/to/file.pth'), or start from random ones (weights=None)."
            )
        out: Mapping[str, Any] = load(path, map_location="cpu", weights_only=True)
        return out

    def __repr__(self) -> str:
        return f"{type(self).__name__}.{self.name}"


def hub_folder() -> str:
    """Where torch.hub keeps downloads: $TORCH_HOME/hub, or torch/hub under $XDG_CACHE_HOME or ~/.cache."""
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    return os.path.join(os.path.expanduser(os.environ.get("TORCH_HOME", os.path.join(cache, "torch"))), "hub")


@functools.cache
def _enumerations() -> dict[str, type[WeightsEnum]]:
    """{model's name: its enumeration}."""
    members: dict[tuple[str, str], list[tuple[str, Weights]]] = {}
    for row in ROWS.strip().splitlines():
        model, owner, member, file, crop, resize, interpolation, *mean = row.split()
        preparation = (int(crop), int(resize), interpolation, float(mean[0]) if mean else None)
        members.setdefault((model, owner), []).append((member, Weights(file, preparation, {"num_classes": 1000})))
    out: dict[str, type[WeightsEnum]] = {}
    build: Any = WeightsEnum  # called with members, it makes another enumeration
    for (model, owner), own in members.items():
        by_name = dict(own)
        default = by_name.get("IMAGENET1K_V2", own[0][1])
        out[model] = build(owner, [*own, ("DEFAULT", default)], module="pynn.vision.models")
    return out


@functools.cache
def _by_class() -> dict[str, type[WeightsEnum]]:
    return {members.__name__: members for members in _enumerations().values()}


def weights_of(model: str) -> type[WeightsEnum] | None:
    """The enumeration of the model's published weights, or None."""
    return _enumerations().get(model)


def find_enumeration(name: str) -> type[WeightsEnum] | None:
    """The enumeration of this name ("ResNet50_Weights"), or None."""
    return _by_class().get(name)


def get_model_weights(name: Any) -> type[WeightsEnum]:
    """The enumeration of a model's weights, by its name or builder. Raises ValueError where there is none."""
    model = name if isinstance(name, str) else name.__name__
    members = weights_of(model.lower())
    if members is None:
        raise ValueError(f"Unknown model {model}: no weights of it were published, as far as pynn.vision knows.")
    return members


def get_weight(name: str) -> WeightsEnum:
    """The member that "ResNet50_Weights.IMAGENET1K_V1" names. Raises ValueError where there is none."""
    owner, _, member = name.partition(".")
    members = find_enumeration(owner)
    if members is None or member not in members.__members__:
        raise ValueError(f"Invalid weight name provided: '{name}'.")
    return members[member]
