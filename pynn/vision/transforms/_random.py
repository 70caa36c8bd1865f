"""Transforms as objects: flips, moves and colours by chance, drawn from pynn's generator."""

import math
import numbers
from collections.abc import Sequence
from typing import Any

import pynn
from pynn import Tensor, nn
from pynn.vision.transforms import functional as F
from pynn.vision.transforms._modes import InterpolationMode, as_mode
from pynn.vision.transforms.transforms import _chance, _check_ranges, _integer, _uniform

__all__ = [
    "ColorJitter",
    "ElasticTransform",
    "GaussianBlur",
    "Grayscale",
    "RandomAdjustSharpness",
    "RandomAffine",
    "RandomAutocontrast",
    "RandomEqualize",
    "RandomErasing",
    "RandomGrayscale",
    "RandomHorizontalFlip",
    "RandomInvert",
    "RandomPerspective",
    "RandomPosterize",
    "RandomRotation",
    "RandomSolarize",
    "RandomVerticalFlip",
]


class _ByChance(nn.Module):
    """`change(img)` with probability p, else img."""

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        self.p = p

    def change(self, img: Any) -> Any:
        raise NotImplementedError

    def forward(self, img: Any) -> Any:
        return self.change(img) if _chance(self.p) else img

    def __repr__(self) -> str:
        return f"{type(self).__name__}(p={self.p})"


class RandomHorizontalFlip(_ByChance):
    """Left and right exchanged, with probability p."""

    def change(self, img: Any) -> Any:
        return F.hflip(img)


class RandomVerticalFlip(_ByChance):
    """Upside down, with probability p."""

    def change(self, img: Any) -> Any:
        return F.vflip(img)


class RandomInvert(_ByChance):
    """The negative, with probability p."""

    def change(self, img: Any) -> Any:
        return F.invert(img)


class RandomAutocontrast(_ByChance):
    """Every channel stretched to black and white, with probability p."""

    def change(self, img: Any) -> Any:
        return F.autocontrast(img)


class RandomEqualize(_ByChance):
    """Every channel's values spread evenly, with probability p."""

    def change(self, img: Any) -> Any:
        return F.equalize(img)


class RandomPosterize(_ByChance):
    """Only the first `bits` of every value, with probability p."""

    def __init__(self, bits: int, p: float = 0.5) -> None:
        super().__init__(p)
        self.bits = bits

    def change(self, img: Any) -> Any:
        return F.posterize(img, self.bits)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(bits={self.bits},p={self.p})"


class RandomSolarize(_ByChance):
    """All values from the threshold on inverted, with probability p."""

    def __init__(self, threshold: float, p: float = 0.5) -> None:
        super().__init__(p)
        self.threshold = threshold

    def change(self, img: Any) -> Any:
        return F.solarize(img, self.threshold)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(threshold={self.threshold},p={self.p})"


class RandomAdjustSharpness(_ByChance):
    """Blurred (factor below 1) or sharpened, with probability p."""

    def __init__(self, sharpness_factor: float, p: float = 0.5) -> None:
        super().__init__(p)
        self.sharpness_factor = sharpness_factor

    def change(self, img: Any) -> Any:
        return F.adjust_sharpness(img, self.sharpness_factor)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(sharpness_factor={self.sharpness_factor},p={self.p})"


class Grayscale(nn.Module):
    """In grey, of 1 or 3 channels."""

    def __init__(self, num_output_channels: int = 1) -> None:
        super().__init__()
        self.num_output_channels = num_output_channels

    def forward(self, img: Any) -> Any:
        return F.rgb_to_grayscale(img, self.num_output_channels)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(num_output_channels={self.num_output_channels})"


class RandomGrayscale(_ByChance):
    """In grey, with as many channels as before, with probability p."""

    def __init__(self, p: float = 0.1) -> None:
        super().__init__(p)

    def change(self, img: Any) -> Any:
        return F.rgb_to_grayscale(img, F.get_dimensions(img)[0])


def _fill_for(img: Any, fill: Any) -> Any:
    """`fill` with a number for every channel of a tensor."""
    if not isinstance(img, Tensor) or fill is None:
        return fill
    if isinstance(fill, numbers.Number):
        return [float(fill)] * F.get_dimensions(img)[0]  # type: ignore[arg-type]
    return [float(value) for value in fill]


def _checked_fill(fill: Any) -> Any:
    if fill is None:
        return 0
    if not isinstance(fill, Sequence | numbers.Number):
        raise TypeError(f"Fill should be either a sequence or a number, got {fill!r}")
    return fill


class RandomPerspective(_ByChance):
    """The corners moved inwards by up to half of distortion_scale of the sides, with probability p."""

    def __init__(
        self,
        distortion_scale: float = 0.5,
        p: float = 0.5,
        interpolation: Any = InterpolationMode.BILINEAR,
        fill: float | Sequence[float] = 0,
    ) -> None:
        super().__init__(p)
        self.interpolation = as_mode(interpolation)
        self.distortion_scale = distortion_scale
        self.fill = _checked_fill(fill)

    def change(self, img: Any) -> Any:
        _, height, width = F.get_dimensions(img)
        before, after = self.get_params(width, height, self.distortion_scale)
        return F.perspective(img, before, after, self.interpolation, _fill_for(img, self.fill))

    @staticmethod
    def get_params(width: int, height: int, distortion_scale: float) -> tuple[list[list[int]], list[list[int]]]:
        """The corners (x, y), clockwise from the top left, and where they are drawn to."""
        across, down = int(distortion_scale * (width // 2)), int(distortion_scale * (height // 2))
        left, top = (0, across + 1), (0, down + 1)
        right, bottom = (width - across - 1, width), (height - down - 1, height)
        after = [[_integer(*x), _integer(*y)] for x, y in ((left, top), (right, top), (right, bottom), (left, bottom))]
        return [[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]], after


def _angles(value: Any, name: str, lengths: tuple[int, ...] = (2,)) -> list[float]:
    """[-value, value], or the sequence itself."""
    if isinstance(value, numbers.Number):
        if value < 0:  # type: ignore[operator]
            raise ValueError(f"If {name} is a single number, it must be positive, got {value}.")
        return [-float(value), float(value)]  # type: ignore[arg-type]
    _check_sequence(value, name, lengths)
    return [float(v) for v in value]


def _check_sequence(value: Any, name: str, lengths: tuple[int, ...]) -> None:
    wanted = " or ".join(map(str, lengths))
    if not isinstance(value, Sequence):
        raise TypeError(f"{name} should be a sequence of length {wanted}, got {value!r}.")
    if len(value) not in lengths:
        raise ValueError(f"{name} should be a sequence of length {wanted}, got {len(value)}.")


class RandomRotation(nn.Module):
    """Turned by an angle from `degrees`, (low, high) or a bound both ways."""

    def __init__(
        self,
        degrees: float | Sequence[float],
        interpolation: Any = InterpolationMode.NEAREST,
        expand: bool = False,
        center: Sequence[float] | None = None,
        fill: float | Sequence[float] = 0,
    ) -> None:
        super().__init__()
        self.interpolation = as_mode(interpolation)
        self.degrees = _angles(degrees, "degrees")
        if center is not None:
            _check_sequence(center, "center", (2,))
        self.center = center
        self.expand = expand
        self.fill = _checked_fill(fill)

    @staticmethod
    def get_params(degrees: Sequence[float]) -> float:
        """Draw the angle."""
        return _uniform(float(degrees[0]), float(degrees[1]))

    def forward(self, img: Any) -> Any:
        angle = self.get_params(self.degrees)
        return F.rotate(img, angle, self.interpolation, self.expand, self.center, _fill_for(img, self.fill))  # type: ignore[arg-type]

    def __repr__(self) -> str:
        text = f"{type(self).__name__}(degrees={self.degrees}, interpolation={self.interpolation.value}"
        text += f", expand={self.expand}"
        text += f", center={self.center}" if self.center is not None else ""
        return text + (f", fill={self.fill}" if self.fill is not None else "") + ")"


class RandomAffine(nn.Module):
    """Turned, moved, scaled and sheared by amounts from the ranges given.

    degrees: (low, high) or a bound both ways; translate: the largest shares of width and height; scale: (low, high);
    shear: degrees along x as `degrees`, or four numbers for x and y.
    """

    def __init__(
        self,
        degrees: float | Sequence[float],
        translate: Sequence[float] | None = None,
        scale: Sequence[float] | None = None,
        shear: float | Sequence[float] | None = None,
        interpolation: Any = InterpolationMode.NEAREST,
        fill: float | Sequence[float] = 0,
        center: Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        self.interpolation = as_mode(interpolation)
        self.degrees = _angles(degrees, "degrees")
        if translate is not None:
            _check_sequence(translate, "translate", (2,))
            if not all(0.0 <= t <= 1.0 for t in translate):
                raise ValueError(f"translation values should be between 0 and 1, got {translate}")
        self.translate = translate
        if scale is not None:
            _check_sequence(scale, "scale", (2,))
            if not all(s > 0 for s in scale):
                raise ValueError(f"scale values should be positive, got {scale}")
        self.scale = scale
        self.shear = None if shear is None else _angles(shear, "shear", (2, 4))
        self.fill = _checked_fill(fill)
        if center is not None:
            _check_sequence(center, "center", (2,))
        self.center = center

    @staticmethod
    def get_params(
        degrees: Sequence[float],
        translate: Sequence[float] | None,
        scale_ranges: Sequence[float] | None,
        shears: Sequence[float] | None,
        img_size: Sequence[int],
    ) -> tuple[float, tuple[int, int], float, tuple[float, float]]:
        """Draw (angle, (across, down), scale, (shear along x, along y)) for a picture of (width, height)."""
        angle = _uniform(float(degrees[0]), float(degrees[1]))
        moves = (0, 0)
        if translate is not None:
            bounds = [float(share * size) for share, size in zip(translate, img_size)]
            moves = (round(_uniform(-bounds[0], bounds[0])), round(_uniform(-bounds[1], bounds[1])))
        scale = 1.0 if scale_ranges is None else _uniform(scale_ranges[0], scale_ranges[1])
        leans = [0.0, 0.0]
        if shears is not None:
            leans[0] = _uniform(shears[0], shears[1])
            if len(shears) == 4:
                leans[1] = _uniform(shears[2], shears[3])
        return angle, moves, scale, (leans[0], leans[1])

    def forward(self, img: Any) -> Any:
        _, height, width = F.get_dimensions(img)
        drawn = self.get_params(self.degrees, self.translate, self.scale, self.shear, [width, height])
        return F.affine(img, *drawn, self.interpolation, _fill_for(img, self.fill), self.center)

    def __repr__(self) -> str:
        text = f"{type(self).__name__}(degrees={self.degrees}"
        for name in ("translate", "scale", "shear"):
            text += f", {name}={getattr(self, name)}" if getattr(self, name) is not None else ""
        if self.interpolation != InterpolationMode.NEAREST:
            text += f", interpolation={self.interpolation.value}"
        text += f", fill={self.fill}" if self.fill != 0 else ""
        return text + (f", center={self.center}" if self.center is not None else "") + ")"


class ColorJitter(nn.Module):
    """Brightness, contrast, saturation and hue changed by random factors, in random order.

    Each: a bound (factors from 1 - bound to 1 + bound; hues from -bound to bound) or (low, high).
    """

    def __init__(
        self,
        brightness: float | Sequence[float] = 0,
        contrast: float | Sequence[float] = 0,
        saturation: float | Sequence[float] = 0,
        hue: float | Sequence[float] = 0,
    ) -> None:
        super().__init__()
        self.brightness = self._range(brightness, "brightness")
        self.contrast = self._range(contrast, "contrast")
        self.saturation = self._range(saturation, "saturation")
        self.hue = self._range(hue, "hue", middle=0.0, bounds=(-0.5, 0.5))

    @staticmethod
    def _range(
        value: Any, name: str, middle: float = 1.0, bounds: tuple[float, float] = (0.0, math.inf)
    ) -> tuple[float, float] | None:
        """The range (low, high), or None where it is only the middle."""
        if isinstance(value, numbers.Number):
            if value < 0:  # type: ignore[operator]
                raise ValueError(f"If {name} is a single number, it must be non negative, got {value}.")
            low, high = middle - float(value), middle + float(value)  # type: ignore[arg-type]
            if middle:
                low = max(low, 0.0)
        elif isinstance(value, tuple | list) and len(value) == 2:
            low, high = float(value[0]), float(value[1])
        else:
            raise TypeError(f"{name} should be a single number or a list/tuple with length 2, got {value!r}.")
        if not bounds[0] <= low <= high <= bounds[1]:
            raise ValueError(f"{name} values should be between {bounds}, but got {(low, high)}.")
        return None if low == high == middle else (low, high)

    @staticmethod
    def get_params(
        brightness: Sequence[float] | None,
        contrast: Sequence[float] | None,
        saturation: Sequence[float] | None,
        hue: Sequence[float] | None,
    ) -> tuple[Tensor, float | None, float | None, float | None, float | None]:
        """Draw the order of the four and their factors."""
        order = pynn.randperm(4)
        first, second, third, fourth = (
            None if bounds is None else _uniform(bounds[0], bounds[1])
            for bounds in (brightness, contrast, saturation, hue)
        )
        return order, first, second, third, fourth

    def forward(self, img: Any) -> Any:
        order, *factors = self.get_params(self.brightness, self.contrast, self.saturation, self.hue)
        changes = (F.adjust_brightness, F.adjust_contrast, F.adjust_saturation, F.adjust_hue)
        for number in order.tolist():
            factor = factors[number]
            if factor is not None:
                img = changes[number](img, factor)
        return img

    def __repr__(self) -> str:
        inner = ", ".join(f"{name}={getattr(self, name)}" for name in ("brightness", "contrast", "saturation", "hue"))
        return f"{type(self).__name__}({inner})"


class RandomErasing(nn.Module):
    """A random rectangle of a tensor image set to `value`, with probability p.

    scale: the rectangle's share of the area; ratio: its proportions; value: a number, one a channel, or "random".
    """

    def __init__(
        self,
        p: float = 0.5,
        scale: Sequence[float] = (0.02, 0.33),
        ratio: Sequence[float] = (0.3, 3.3),
        value: float | str | Sequence[float] = 0,
        inplace: bool = False,
    ) -> None:
        super().__init__()
        if not isinstance(value, numbers.Number | str | tuple | list):
            raise TypeError(
                f"Argument value should be either a number or str or a sequence, got {type(value).__name__}"
            )
        if isinstance(value, str) and value != "random":
            raise ValueError(f"If value is str, it should be 'random', got {value!r}")
        _check_ranges(scale, ratio)
        if scale[0] < 0 or scale[1] > 1:
            raise ValueError(f"Scale should be between 0 and 1, got {scale}")
        if not 0 <= p <= 1:
            raise ValueError(f"Random erasing probability should be between 0 and 1, got {p}")
        self.p = p
        self.scale = scale
        self.ratio = ratio
        self.value = value
        self.inplace = inplace

    @staticmethod
    def get_params(
        img: Tensor, scale: Sequence[float], ratio: Sequence[float], value: Sequence[float] | None = None
    ) -> tuple[int, int, int, int, Tensor]:
        """Draw (top, left, height, width, values); after ten misses the whole image as it is."""
        channels, height, width = img.shape[-3:]
        low, high = math.log(ratio[0]), math.log(ratio[1])
        for _ in range(10):
            area = height * width * _uniform(scale[0], scale[1])
            proportion = math.exp(_uniform(low, high))
            rows, columns = round(math.sqrt(area * proportion)), round(math.sqrt(area / proportion))
            if not (rows < height and columns < width):
                continue
            if value is None:
                values = pynn.empty([channels, rows, columns], dtype=pynn.float32).normal_()
            else:
                values = pynn.tensor(value)[:, None, None]
            top = _integer(0, height - rows + 1)
            return top, _integer(0, width - columns + 1), rows, columns, values
        return 0, 0, height, width, img

    def forward(self, img: Tensor) -> Tensor:
        if not _chance(self.p):
            return img
        if isinstance(self.value, str):
            value = None
        else:
            value = [float(v) for v in (self.value if isinstance(self.value, tuple | list) else [self.value])]
        if value is not None and len(value) not in (1, img.shape[-3]):
            raise ValueError(
                "If value is a sequence, it should have either a single value or "
                f"{img.shape[-3]} (number of input channels), got {len(value)}"
            )
        return F.erase(img, *self.get_params(img, self.scale, self.ratio, value), self.inplace)

    def __repr__(self) -> str:
        inner = ", ".join(f"{name}={getattr(self, name)}" for name in ("p", "scale", "ratio", "value", "inplace"))
        return f"{type(self).__name__}({inner})"


class GaussianBlur(nn.Module):
    """Blurred by a bell of kernel_size (across, down), odd, and a deviation from `sigma`, a number or (low, high)."""

    def __init__(self, kernel_size: int | Sequence[int], sigma: float | Sequence[float] = (0.1, 2.0)) -> None:
        super().__init__()
        self.kernel_size = F._pair(kernel_size, "Kernel size should be a tuple/list of two integers.")
        if any(size <= 0 or size % 2 == 0 for size in self.kernel_size):
            raise ValueError(f"Kernel size value should be an odd and positive number, got {kernel_size}.")
        if isinstance(sigma, numbers.Number):
            if sigma <= 0:  # type: ignore[operator]
                raise ValueError(f"If sigma is a single number, it must be positive, got {sigma}.")
            sigma = (sigma, sigma)  # type: ignore[assignment]
        elif not isinstance(sigma, Sequence) or len(sigma) != 2:
            raise ValueError(f"sigma should be a single number or a list/tuple with length 2, got {sigma!r}.")
        elif not 0.0 < sigma[0] <= sigma[1]:
            raise ValueError(f"sigma values should be positive and of the form (min, max), got {sigma}.")
        self.sigma: Any = sigma

    @staticmethod
    def get_params(sigma_min: float, sigma_max: float) -> float:
        """Draw the deviation."""
        return _uniform(sigma_min, sigma_max)

    def forward(self, img: Any) -> Any:
        return F.gaussian_blur(img, self.kernel_size, [self.get_params(*self.sigma)] * 2)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(kernel_size={self.kernel_size}, sigma={self.sigma})"


class ElasticTransform(nn.Module):
    """Every place moved at random: by uniform noise, smoothed by sigma and scaled by alpha, both for (x, y)."""

    def __init__(
        self,
        alpha: float | Sequence[float] = 50.0,
        sigma: float | Sequence[float] = 5.0,
        interpolation: Any = InterpolationMode.BILINEAR,
        fill: float | Sequence[float] = 0,
    ) -> None:
        super().__init__()
        self.alpha = self._two(alpha, "alpha")
        self.sigma = self._two(sigma, "sigma")
        self.interpolation = as_mode(interpolation)
        self.fill = [float(f) for f in (fill if isinstance(fill, list | tuple) else [_checked_fill(fill)])]

    @staticmethod
    def _two(value: Any, name: str) -> list[float]:
        if not isinstance(value, float | Sequence):
            raise TypeError(f"{name} should be float or a sequence of floats. Got {type(value)}")
        values = list(value) if isinstance(value, Sequence) else [value, value]
        if len(values) != 2:
            raise ValueError(f"If {name} is a sequence its length should be 2. Got {len(values)}")
        if not all(isinstance(v, float) for v in values):
            raise TypeError(f"{name} should be a sequence of floats. Got {value!r}")
        return values

    @staticmethod
    def get_params(alpha: Sequence[float], sigma: Sequence[float], size: Sequence[int]) -> Tensor:
        """Draw the displacement, (1, H, W, 2)."""
        moves = []
        for strength, smooth, side in zip(alpha, sigma, reversed(size)):
            noise = pynn.rand(1, 1, *size) * 2 - 1
            if smooth > 0.0:
                width = int(8 * smooth + 1) | 1
                noise = F.gaussian_blur(noise, [width, width], list(sigma))
            moves.append(noise * strength / side)
        return pynn.cat(moves, 1).permute(0, 2, 3, 1)

    def forward(self, tensor: Any) -> Any:
        _, height, width = F.get_dimensions(tensor)
        displacement = self.get_params(self.alpha, self.sigma, [height, width])
        return F.elastic_transform(tensor, displacement, self.interpolation, self.fill)

    def __repr__(self) -> str:
        names = ("alpha", "sigma", "interpolation", "fill")
        return f"{type(self).__name__}({', '.join(f'{name}={getattr(self, name)}' for name in names)})"
