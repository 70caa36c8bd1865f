"""Augmentation by policies: AutoAugment, RandAugment, TrivialAugment and AugMix."""

import enum
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy

import pynn
from pynn import Tensor, nn
from pynn.vision.transforms import functional as F
from pynn.vision.transforms._modes import InterpolationMode
from pynn.vision.transforms._random import _fill_for
from pynn.vision.transforms.transforms import _integer

__all__ = ["AugMix", "AutoAugment", "AutoAugmentPolicy", "RandAugment", "TrivialAugmentWide"]

_Space = dict[str, tuple[numpy.ndarray | None, bool]]


def _apply(img: Any, name: str, magnitude: float, interpolation: InterpolationMode, fill: Any) -> Any:
    """One operation of a policy."""
    if name in ("ShearX", "ShearY", "TranslateX", "TranslateY"):
        along = 0 if name.endswith("X") else 1
        amounts = [0.0, 0.0]
        if name.startswith("Shear"):
            amounts[along] = math.degrees(math.atan(magnitude))
            return F.affine(img, 0.0, [0, 0], 1.0, amounts, interpolation, fill, center=[0, 0])
        amounts[along] = int(magnitude)
        return F.affine(img, 0.0, amounts, 1.0, [0.0, 0.0], interpolation, fill)
    if name == "Rotate":
        return F.rotate(img, magnitude, interpolation, fill=fill)
    factors = {
        "Brightness": F.adjust_brightness,
        "Color": F.adjust_saturation,
        "Contrast": F.adjust_contrast,
        "Sharpness": F.adjust_sharpness,
    }
    if name in factors:
        return factors[name](img, 1.0 + magnitude)
    if name == "Posterize":
        return F.posterize(img, int(magnitude))
    if name == "Solarize":
        return F.solarize(img, magnitude)
    plain = {"AutoContrast": F.autocontrast, "Equalize": F.equalize, "Invert": F.invert}
    if name in plain:
        return plain[name](img)
    if name == "Identity":
        return img
    raise ValueError(f"The provided operator {name} is not recognized.")


def _any(img: Any, space: _Space, strength: Callable[[int], int], interpolation: InterpolationMode, fill: Any) -> Any:
    """An operation of the space, drawn; strength(count) says which of its `count` strengths, its sign is drawn too."""
    name = list(space)[_integer(0, len(space))]
    magnitudes, signed = space[name]
    magnitude = 0.0 if magnitudes is None else float(magnitudes[strength(len(magnitudes))])
    return _apply(img, name, -magnitude if signed and _integer(0, 2) else magnitude, interpolation, fill)


def _described(transform: nn.Module, *names: str) -> str:
    """The transform's class with these of its attributes."""
    return f"{type(transform).__name__}({', '.join(f'{name}={getattr(transform, name)}' for name in names)})"


def _space(
    bins: int, shear: float, move: tuple[float, float], turn: float, factor: float, bits: tuple[int, int], *plain: str
) -> _Space:
    """The strengths of every operation, in `bins` steps, and whether its sign is drawn."""

    def steps(last: float) -> numpy.ndarray:
        return numpy.linspace(0.0, last, bins, dtype=numpy.float32)

    space: _Space = {name: (None, False) for name in plain if name == "Identity"}
    space |= {"ShearX": (steps(shear), True), "ShearY": (steps(shear), True)}
    space |= {"TranslateX": (steps(move[0]), True), "TranslateY": (steps(move[1]), True), "Rotate": (steps(turn), True)}
    if factor:
        space |= {name: (steps(factor), True) for name in ("Brightness", "Color", "Contrast", "Sharpness")}
    space["Posterize"] = (bits[0] - numpy.round(numpy.arange(bins) / ((bins - 1) / bits[1])), False)
    space["Solarize"] = (numpy.linspace(255.0, 0.0, bins, dtype=numpy.float32), False)
    space |= dict.fromkeys(("AutoContrast", "Equalize"), (None, False))
    return space | {name: (None, False) for name in plain if name != "Identity"}


class AutoAugmentPolicy(enum.Enum):
    """What a policy was found on."""

    IMAGENET = "imagenet"
    CIFAR10 = "cifar10"
    SVHN = "svhn"


# The policies of Cubuk et al., 2018: two operations a line, each with probability (in tenths) and strength (0 to 9).
_POLICIES = {
    AutoAugmentPolicy.IMAGENET: """
        Posterize 4 8 Rotate 6 9; Solarize 6 5 AutoContrast 6 -; Equalize 8 - Equalize 6 -; Posterize 6 7 Posterize 6 6;
        Equalize 4 - Solarize 2 4; Equalize 4 - Rotate 8 8; Solarize 6 3 Equalize 6 -; Posterize 8 5 Equalize 10 -;
        Rotate 2 3 Solarize 6 8; Equalize 6 - Posterize 4 6; Rotate 8 8 Color 4 0; Rotate 4 9 Equalize 6 -;
        Equalize 0 - Equalize 8 -; Invert 6 - Equalize 10 -; Color 6 4 Contrast 10 8; Rotate 8 8 Color 10 2;
        Color 8 8 Solarize 8 7; Sharpness 4 7 Invert 6 -; ShearX 6 5 Equalize 10 -; Color 4 0 Equalize 6 -;
        Equalize 4 - Solarize 2 4; Solarize 6 5 AutoContrast 6 -; Invert 6 - Equalize 10 -; Color 6 4 Contrast 10 8;
        Equalize 8 - Equalize 6 -""",
    AutoAugmentPolicy.CIFAR10: """
        Invert 1 - Contrast 2 6; Rotate 7 2 TranslateX 3 9; Sharpness 8 1 Sharpness 9 3; ShearY 5 8 TranslateY 7 9;
        AutoContrast 5 - Equalize 9 -; ShearY 2 7 Posterize 3 7; Color 4 3 Brightness 6 7; Sharpness 3 9 Brightness 7 9;
        Equalize 6 - Equalize 5 -; Contrast 6 7 Sharpness 6 5; Color 7 7 TranslateX 5 8; Equalize 3 - AutoContrast 4 -;
        TranslateY 4 3 Sharpness 2 6; Brightness 9 6 Color 2 8; Solarize 5 2 Invert 0 -; Equalize 2 - AutoContrast 6 -;
        Equalize 2 - Equalize 6 -; Color 9 9 Equalize 6 -; AutoContrast 8 - Solarize 2 8; Brightness 1 3 Color 7 0;
        Solarize 4 5 AutoContrast 9 -; TranslateY 9 9 TranslateY 7 9; AutoContrast 9 - Solarize 8 3;
        Equalize 8 - Invert 1 -; TranslateY 7 9 AutoContrast 9 -""",
    AutoAugmentPolicy.SVHN: """
        ShearX 9 4 Invert 2 -; ShearY 9 8 Invert 7 -; Equalize 6 - Solarize 6 6; Invert 9 - Equalize 6 -;
        Equalize 6 - Rotate 9 3; ShearX 9 4 AutoContrast 8 -; ShearY 9 8 Invert 4 -; ShearY 9 5 Solarize 2 6;
        Invert 9 - AutoContrast 8 -; Equalize 6 - Rotate 9 3; ShearX 9 4 Solarize 3 3; ShearY 8 8 Invert 7 -;
        Equalize 9 - TranslateY 6 6; Invert 9 - Equalize 6 -; Contrast 3 3 Rotate 8 4; Invert 8 - TranslateY 0 2;
        ShearY 7 6 Solarize 4 8; Invert 6 - Rotate 8 4; ShearY 3 7 TranslateX 9 3; ShearX 1 6 Invert 6 -;
        Solarize 7 2 TranslateY 6 7; ShearY 8 4 Invert 8 -; ShearX 7 9 TranslateY 8 3; ShearY 8 5 AutoContrast 7 -;
        ShearX 7 2 Invert 1 -""",
}  # fmt: skip

_Step = tuple[str, float, int | None]


def _parse(text: str) -> list[tuple[_Step, _Step]]:
    out = []
    for line in text.split(";"):
        words = line.split()
        first, second = (
            (name, int(tenths) / 10, None if strength == "-" else int(strength))
            for name, tenths, strength in (words[:3], words[3:])
        )
        out.append((first, second))
    return out


class AutoAugment(nn.Module):
    """One of a policy's 25 pairs of operations (Cubuk et al., 2018), for pictures and tensors of bytes."""

    def __init__(
        self,
        policy: AutoAugmentPolicy = AutoAugmentPolicy.IMAGENET,
        interpolation: InterpolationMode = InterpolationMode.NEAREST,
        fill: float | Sequence[float] | None = None,
    ) -> None:
        super().__init__()
        if policy not in _POLICIES:
            raise ValueError(f"The provided policy {policy} is not recognized.")
        self.policy = policy
        self.interpolation = interpolation
        self.fill = fill
        self.policies = _parse(_POLICIES[policy])

    @staticmethod
    def get_params(transform_num: int) -> tuple[int, Tensor, Tensor]:
        """Draw which pair, and chance and sign of its two operations."""
        return _integer(0, transform_num), pynn.rand(2), pynn.randint(0, 2, (2,))

    def forward(self, img: Any) -> Any:
        _, height, width = F.get_dimensions(img)
        number, chances, signs = self.get_params(len(self.policies))
        share = 150.0 / 331.0
        space = _space(10, 0.3, (share * width, share * height), 30.0, 0.9, (8, 4), "Invert")
        for (name, p, strength), chance, sign in zip(self.policies[number], chances.tolist(), signs.tolist()):
            if chance > p:
                continue
            magnitudes, signed = space[name]
            magnitude = 0.0 if strength is None or magnitudes is None else float(magnitudes[strength])
            magnitude = -magnitude if signed and sign == 0 else magnitude
            img = _apply(img, name, magnitude, self.interpolation, _fill_for(img, self.fill))
        return img

    def __repr__(self) -> str:
        return _described(self, "policy", "fill")


class RandAugment(nn.Module):
    """num_ops random operations of one strength, from 0 to num_magnitude_bins - 1 (Cubuk et al., 2019)."""

    def __init__(
        self,
        num_ops: int = 2,
        magnitude: int = 9,
        num_magnitude_bins: int = 31,
        interpolation: InterpolationMode = InterpolationMode.NEAREST,
        fill: float | Sequence[float] | None = None,
    ) -> None:
        super().__init__()
        self.num_ops = num_ops
        self.magnitude = magnitude
        self.num_magnitude_bins = num_magnitude_bins
        self.interpolation = interpolation
        self.fill = fill

    def forward(self, img: Any) -> Any:
        _, height, width = F.get_dimensions(img)
        share = 150.0 / 331.0
        move = (share * width, share * height)
        space = _space(self.num_magnitude_bins, 0.3, move, 30.0, 0.9, (8, 4), "Identity")
        for _ in range(self.num_ops):
            img = _any(img, space, lambda strengths: self.magnitude, self.interpolation, _fill_for(img, self.fill))
        return img

    def __repr__(self) -> str:
        return _described(self, "num_ops", "magnitude", "num_magnitude_bins", "interpolation", "fill")


class TrivialAugmentWide(nn.Module):
    """One random operation of random strength (Mueller and Hutter, 2021)."""

    def __init__(
        self,
        num_magnitude_bins: int = 31,
        interpolation: InterpolationMode = InterpolationMode.NEAREST,
        fill: float | Sequence[float] | None = None,
    ) -> None:
        super().__init__()
        self.num_magnitude_bins = num_magnitude_bins
        self.interpolation = interpolation
        self.fill = fill

    def forward(self, img: Any) -> Any:
        space = _space(self.num_magnitude_bins, 0.99, (32.0, 32.0), 135.0, 0.99, (8, 6), "Identity")
        return _any(img, space, lambda strengths: _integer(0, strengths), self.interpolation, _fill_for(img, self.fill))

    def __repr__(self) -> str:
        return _described(self, "num_magnitude_bins", "interpolation", "fill")


class AugMix(nn.Module):
    """The picture mixed with mixture_width chains of operations (Hendrycks et al., 2019), for bytes.

    severity: 1 to 10; chain_depth: operations a chain, 1 to 3 where negative; all_ops: also those of colour.
    """

    def __init__(
        self,
        severity: int = 3,
        mixture_width: int = 3,
        chain_depth: int = -1,
        alpha: float = 1.0,
        all_ops: bool = True,
        interpolation: InterpolationMode = InterpolationMode.BILINEAR,
        fill: float | Sequence[float] | None = None,
    ) -> None:
        super().__init__()
        if not 1 <= severity <= 10:
            raise ValueError(f"The severity must be between [1, 10]. Got {severity} instead.")
        self.severity = severity
        self.mixture_width = mixture_width
        self.chain_depth = chain_depth
        self.alpha = alpha
        self.all_ops = all_ops
        self.interpolation = interpolation
        self.fill = fill

    def forward(self, orig_img: Any) -> Any:
        _, height, width = F.get_dimensions(orig_img)
        img = orig_img if isinstance(orig_img, Tensor) else F.pil_to_tensor(orig_img)
        fill = _fill_for(img, self.fill)
        factor = 0.9 if self.all_ops else 0.0
        space = _space(10, 0.3, (width / 3.0, height / 3.0), 30.0, factor, (4, 4))
        # Both laws are made of pynn's own draws: a seed set by the user is all that decides.
        chains = self._dirichlet([self.alpha] * self.mixture_width)
        kept, changed = self._dirichlet([self.alpha, self.alpha])
        mix = kept * img.to(pynn.float32)
        for weight in chains:
            aug = img
            for _ in range(self.chain_depth if self.chain_depth > 0 else _integer(1, 4)):
                aug = _any(aug, space, lambda strengths: _integer(0, self.severity), self.interpolation, fill)
            mix = mix + changed * weight * aug.to(pynn.float32)
        out = mix.to(img.dtype)
        return out if isinstance(orig_img, Tensor) else F.to_pil_image(out, mode=orig_img.mode)

    @staticmethod
    def _dirichlet(alphas: Sequence[float]) -> list[float]:
        """Shares that sum to 1, by NumPy's gamma law under a seed from pynn's generator."""
        gammas = numpy.random.default_rng(_integer(0, 2**31)).gamma(alphas)
        total = gammas.sum()
        return (gammas / total if total > 0 else numpy.full(len(gammas), 1 / len(gammas))).tolist()

    def __repr__(self) -> str:
        return _described(self, "severity", "mixture_width", "chain_depth", "alpha", "all_ops", "interpolation", "fill")
