"""Transforms as objects: what they draw comes from pynn's generator, and stays within what was asked for."""

import random

import numpy
import pytest

import pynn
from pynn.vision import transforms as T


@pytest.fixture
def image():
    return pynn.arange(3 * 16 * 20).reshape(3, 16, 20).remainder(256).div(2).add(20).to(pynn.uint8)


RANDOM = [
    T.RandomCrop(8, padding=2),
    T.RandomResizedCrop(8),
    T.RandomHorizontalFlip(),
    T.RandomVerticalFlip(),
    T.RandomRotation(30),
    T.RandomAffine(20, (0.1, 0.2), (0.8, 1.2), 5),
    T.RandomPerspective(p=1.0),
    T.ColorJitter(0.3, 0.3, 0.3, 0.1),
    T.RandomGrayscale(0.5),
    T.GaussianBlur(3),
    T.ElasticTransform(sigma=1.0),
    T.RandomErasing(1.0),
    T.RandomInvert(),
    T.RandomPosterize(3),
    T.RandomSolarize(100),
    T.RandomAdjustSharpness(2),
    T.RandomAutocontrast(),
    T.RandomEqualize(),
    T.AutoAugment(),
    T.AutoAugment(T.AutoAugmentPolicy.CIFAR10),
    T.AutoAugment(T.AutoAugmentPolicy.SVHN),
    T.RandAugment(),
    T.TrivialAugmentWide(),
    T.AugMix(),
]


@pytest.mark.parametrize("transform", RANDOM, ids=lambda t: type(t).__name__)
def test_the_seed_decides(transform, image):
    draws = []
    for seed in (0, 0, *range(1, 13)):
        pynn.manual_seed(seed)
        draws.append(transform(image))
    assert pynn.equal(draws[0], draws[1])
    assert any(a.shape != draws[0].shape or not pynn.equal(a, draws[0]) for a in draws[2:])
    assert all(a.dtype == image.dtype for a in draws)


@pytest.mark.parametrize("transform", RANDOM, ids=lambda t: type(t).__name__)
def test_pictures_stay_pictures(transform, image):
    module = pytest.importorskip("PIL.Image")
    if isinstance(transform, T.RandomErasing):
        pytest.skip("for tensors only")
    picture = module.fromarray(numpy.ascontiguousarray(image.numpy().transpose(1, 2, 0)))
    for _ in range(4):
        assert isinstance(transform(picture), module.Image)


def test_always_and_never(image):
    assert pynn.equal(T.RandomHorizontalFlip(1.0)(image), image.flip(-1))
    assert pynn.equal(T.RandomHorizontalFlip(0.0)(image), image)
    assert pynn.equal(T.RandomApply([T.RandomInvert(1.0)], p=1.0)(image), 255 - image)
    assert T.RandomApply([T.RandomInvert(1.0)], p=-1.0)(image) is image
    assert T.RandomErasing(0.0)(image) is image


def test_compose_and_text(image):
    compose = T.Compose([T.Resize(8), T.CenterCrop(6), T.ConvertImageDtype(pynn.float32), T.Normalize([0.5], [0.5])])
    out = compose(image)
    assert out.shape == (3, 6, 6)
    assert out.min() >= -1
    assert out.max() <= 1
    assert repr(compose).splitlines()[:2] == [
        "Compose(",
        "    Resize(size=8, interpolation=bilinear, max_size=None, antialias=True)",
    ]
    assert (
        repr(T.RandomRotation(5)) == "RandomRotation(degrees=[-5.0, 5.0], interpolation=nearest, expand=False, fill=0)"
    )
    assert repr(T.ToTensor()) == "ToTensor()"


def test_random_crop(image):
    for _ in range(5):
        assert T.RandomCrop((4, 6))(image).shape == (3, 4, 6)
    assert T.RandomCrop(30, pad_if_needed=True)(image).shape == (3, 30, 30)
    with pytest.raises(ValueError, match="larger than input"):
        T.RandomCrop(30)(image)


def test_resized_crop_stays_within(image):
    for _ in range(20):
        top, left, rows, columns = T.RandomResizedCrop.get_params(image, (0.2, 0.5), (0.5, 2.0))
        assert 0 <= top <= 16 - rows
        assert 0 <= left <= 20 - columns
    assert T.RandomResizedCrop.get_params(image, (5.0, 6.0), (3.0, 4.0)) == (4, 0, 7, 20)  # nothing fits: the middle


def test_erasing_by_hand():
    image = pynn.ones(3, 10, 10)
    out = T.RandomErasing(1.0, scale=(0.2, 0.2), ratio=(1.0, 1.0), value=(2.0, 3.0, 4.0))(image)
    changed = out != 1
    assert changed.sum().item() == 3 * 16  # sqrt(20) rounds to 4
    assert [out[c].max().item() for c in range(3)] == [2.0, 3.0, 4.0]
    assert (image == 1).all()
    T.RandomErasing(1.0, inplace=True)(image)
    assert (image == 0).any()
    with pytest.raises(ValueError, match="3 \\(number of input channels\\)"):
        T.RandomErasing(1.0, value=(1.0, 2.0))(image)


def test_choices_by_pythons_generator(image):
    random.seed(0)
    choice = T.RandomChoice([T.Lambda(lambda x: 1), T.Lambda(lambda x: 2)], p=[1.0, 0.0])
    assert {choice(image) for _ in range(5)} == {1}
    order = T.RandomOrder([T.Lambda(lambda x: x + [1]), T.Lambda(lambda x: x + [2])])
    assert {tuple(order([])) for _ in range(20)} == {(1, 2), (2, 1)}


def test_color_jitter_ranges():
    jitter = T.ColorJitter(brightness=0.4, contrast=(0.5, 0.7), hue=0.1)
    assert jitter.brightness == (0.6, 1.4)
    assert jitter.contrast == (0.5, 0.7)
    assert jitter.saturation is None
    assert jitter.hue == (-0.1, 0.1)
    with pytest.raises(ValueError, match="hue values"):
        T.ColorJitter(hue=0.7)
    with pytest.raises(ValueError, match="non negative"):
        T.ColorJitter(brightness=-1)


def test_linear_transformation():
    whiten = T.LinearTransformation(pynn.eye(4) * 2, pynn.ones(4))
    assert whiten(pynn.full((1, 2, 2), 3.0)).tolist() == [[[4.0, 4.0], [4.0, 4.0]]]
    with pytest.raises(ValueError, match="square"):
        T.LinearTransformation(pynn.zeros(2, 3), pynn.ones(2))


def test_bad_arguments():
    for make, error in (
        (lambda: T.Resize(1.5), TypeError),
        (lambda: T.Resize([1, 2, 3]), ValueError),
        (lambda: T.Pad([1, 2, 3]), ValueError),
        (lambda: T.Pad(1, padding_mode="x"), ValueError),
        (lambda: T.Lambda(3), TypeError),
        (lambda: T.RandomOrder(3), TypeError),
        (lambda: T.RandomRotation(-3), ValueError),
        (lambda: T.RandomAffine(0, (2, 0)), ValueError),
        (lambda: T.GaussianBlur(2), ValueError),
        (lambda: T.RandomErasing(value="x"), ValueError),
        (lambda: T.AutoAugment("x"), ValueError),
        (lambda: T.AugMix(severity=11), ValueError),
    ):
        with pytest.raises(error):
            make()


def test_policies():
    assert len(T.AutoAugment().policies) == 25
    assert T.AutoAugment().policies[0] == (("Posterize", 0.4, 8), ("Rotate", 0.6, 9))
    assert T.AutoAugment().policies[13] == (("Invert", 0.6, None), ("Equalize", 1.0, None))


def test_second_generation(image):
    v2 = T.v2
    out = v2.Compose([v2.ToImage(), v2.ToDtype(pynn.float32, scale=True), v2.Normalize([0.5], [0.5])])(image)
    assert out.dtype == pynn.float32
    pair = v2.Compose([v2.ToDtype(pynn.float32)])(image, 3)
    assert pair[1] == 3
    assert v2.ToImage()(numpy.zeros((4, 5, 3), numpy.uint8)).shape == (3, 4, 5)
    assert v2.RGB()(image[:1]).shape == image.shape
    assert v2.RandomCrop is T.RandomCrop
