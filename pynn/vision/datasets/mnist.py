"""MNIST and its kin: files of bytes in LeCun's idx format."""

import gzip
import math
import os
import string
import warnings
import zipfile
from typing import Any, ClassVar

import numpy

from pynn import Tensor
from pynn._core import wrap
from pynn.vision._pillow import pillow
from pynn.vision.datasets.utils import check_integrity, download_url, first_file, verify_str_arg
from pynn.vision.datasets.vision import VisionDataset

__all__ = ["EMNIST", "KMNIST", "MNIST", "FashionMNIST"]

_KINDS = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}


def read_idx(path: str | os.PathLike[str]) -> numpy.ndarray:
    """The array in an idx file, packed by gzip or not: two zero bytes, a type code, the rank, the sizes, the values.

    Raises ValueError where the file is none, or of another length than it says.
    """
    with open(path, "rb") as file:
        data = file.read()
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] not in _KINDS or len(data) < 4 + 4 * data[3]:
        raise ValueError(f"{os.fspath(path)} is no idx file: it starts with {data[:4].hex(' ')}.")
    dtype, start = numpy.dtype(_KINDS[data[2]]), 4 + 4 * data[3]
    shape = tuple(numpy.frombuffer(data, ">u4", count=data[3], offset=4).tolist())
    if len(data) - start != math.prod(shape) * dtype.itemsize:
        raise ValueError(
            f"{os.fspath(path)} says that it holds {shape} values, but has {len(data) - start} bytes of them."
        )
    return numpy.frombuffer(data, dtype, offset=start).reshape(shape).astype(dtype.newbyteorder("="))


class MNIST(VisionDataset):
    """Handwritten digits (LeCun, Cortes and Burges, 1998): pictures of 28 x 28 in grey, and their numbers.

    The four files, packed or not, lie in root/MNIST/raw or in root itself. download: fetch them where they are not
    there. data: uint8 (N, 28, 28); targets: int64 (N,). Raises RuntimeError where there are no files.
    """

    mirrors: ClassVar[list[str]] = [
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "http://yann.lecun.com/exdb/mnist/",
    ]
    resources: ClassVar[list[tuple[str, str]]] = [
        ("train-images-idx3-ubyte.gz", "f68b3c2dcbeaaa9fbdd348bbdeb94873"),
        ("train-labels-idx1-ubyte.gz", "d53e105ee54ea40749a09fcbcd1e9432"),
        ("t10k-images-idx3-ubyte.gz", "9fb629c4189551a2d022fa330f9573f3"),
        ("t10k-labels-idx1-ubyte.gz", "ec29112dd5afa0611ce80d1b7f02629c"),
    ]
    classes: ClassVar[list[str]] = [
        f"{number} - {name}"
        for number, name in enumerate(["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"])
    ]

    def __init__(
        self, root: Any, train: bool = True, transform: Any = None, target_transform: Any = None, download: bool = False
    ) -> None:
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.train = train
        if download:
            self.download()
        if not self._check_exists():
            raise RuntimeError(
                f"Dataset not found: {self.raw_folder} and {self.root} hold no {', '.join(self._names())} (.gz). "
                "You can use download=True to download it"
            )
        self.data, self.targets = self._load_data()

    def _names(self) -> list[str]:
        """The files of pictures and of labels, of the part that is wanted."""
        part = "train" if self.train else "t10k"
        return [f"{part}-images-idx3-ubyte", f"{part}-labels-idx1-ubyte"]

    def _find(self, name: str) -> Any:
        places = (self.raw_folder, os.fspath(self.root))
        return first_file(*(os.path.join(place, name + suffix) for place in places for suffix in ("", ".gz")))

    def _load_data(self) -> tuple[Tensor, Tensor]:
        images, labels = (read_idx(self._find(name)) for name in self._names())
        if images.dtype != numpy.uint8 or images.ndim != 3 or labels.ndim != 1 or len(images) != len(labels):
            raise ValueError(f"{self._names()} do not belong together: {images.shape} pictures, {labels.shape} labels.")
        return wrap(images), wrap(labels.astype(numpy.int64))

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        return self._prepared(pillow().fromarray(self.data[index].numpy()), int(self.targets[index]))

    def __len__(self) -> int:
        return len(self.data)

    @property
    def raw_folder(self) -> str:
        """Where downloads go: root/MNIST/raw."""
        return os.path.join(self.root, type(self).__name__, "raw")

    @property
    def processed_folder(self) -> str:
        """Where torchvision once kept a copy in its own format; not read here."""
        return os.path.join(self.root, type(self).__name__, "processed")

    @property
    def class_to_idx(self) -> dict[str, int]:
        """{class: its number}."""
        return {name: number for number, name in enumerate(self.classes)}

    def _check_exists(self) -> bool:
        return all(self._find(name) is not None for name in self._names())

    def download(self) -> None:
        """Fetch what is not there yet. Raises RuntimeError where no mirror has it."""
        if self._check_exists():
            return
        for name, md5 in self.resources:
            errors = []
            for mirror in self.mirrors:
                try:
                    download_url(mirror + name, self.raw_folder, name, md5)
                    break
                except RuntimeError as error:
                    errors.append(f"  {error}")
            else:
                raise RuntimeError("\n".join([f"Error downloading {name}:", *errors]))

    def extra_repr(self) -> str:
        return f"Split: {'Train' if self.train else 'Test'}"

    def _renamed(self, old: str, new: str) -> Any:
        warnings.warn(f"{old} has been renamed {new}", stacklevel=3)
        return getattr(self, new)

    @property
    def train_labels(self) -> Tensor:
        """The old name of targets."""
        out: Tensor = self._renamed("train_labels", "targets")
        return out

    @property
    def test_labels(self) -> Tensor:
        """The old name of targets."""
        out: Tensor = self._renamed("test_labels", "targets")
        return out

    @property
    def train_data(self) -> Tensor:
        """The old name of data."""
        out: Tensor = self._renamed("train_data", "data")
        return out

    @property
    def test_data(self) -> Tensor:
        """The old name of data."""
        out: Tensor = self._renamed("test_data", "data")
        return out


class FashionMNIST(MNIST):
    """Clothes in MNIST's format (Xiao, Rasul and Vollgraf, 2017)."""

    mirrors: ClassVar[list[str]] = ["http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"]
    resources: ClassVar[list[tuple[str, str]]] = [
        ("train-images-idx3-ubyte.gz", "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
        ("train-labels-idx1-ubyte.gz", "25c81989df183df01b3e8a0aad5dffbe"),
        ("t10k-images-idx3-ubyte.gz", "bef4ecab320f06d8554ea6380940ec79"),
        ("t10k-labels-idx1-ubyte.gz", "bb300cfdad3c16e7a12a480ee83cd310"),
    ]
    classes: ClassVar[list[str]] = [
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ]


class KMNIST(MNIST):
    """Cursive Japanese characters in MNIST's format (Clanuwat et al., 2018)."""

    mirrors: ClassVar[list[str]] = ["http://codh.rois.ac.jp/kmnist/dataset/kmnist/"]
    resources: ClassVar[list[tuple[str, str]]] = [
        ("train-images-idx3-ubyte.gz", "bdb82020997e1d708af4cf47b453dcf7"),
        ("train-labels-idx1-ubyte.gz", "e144d726b3acfaa3e44228e80efcd344"),
        ("t10k-images-idx3-ubyte.gz", "5c965bf0a639b31b8f53240b1b52f4d7"),
        ("t10k-labels-idx1-ubyte.gz", "7320c461ea6c1c855c0b718fb2a4b134"),
    ]
    classes: ClassVar[list[str]] = ["o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"]


# Capital and small letters that look alike, and count as one in two of EMNIST's splits.
_ALIKE = set("cijklmopsuvwxyz")
_CHARACTERS = set(string.digits + string.ascii_letters)


class EMNIST(MNIST):
    """Handwritten characters in MNIST's format (Cohen et al., 2017); split: one of `splits`."""

    url = "https://biometrics.nist.gov/cs_links/EMNIST/gzip.zip"
    md5 = "58c8d27c78d21e728a6bc7b3cc06412e"
    splits = ("byclass", "bymerge", "balanced", "letters", "digits", "mnist")
    classes_split_dict: ClassVar[dict[str, list[str]]] = {
        "byclass": sorted(_CHARACTERS),
        "bymerge": sorted(_CHARACTERS - _ALIKE),
        "balanced": sorted(_CHARACTERS - _ALIKE),
        "letters": ["N/A", *string.ascii_lowercase],
        "digits": list(string.digits),
        "mnist": list(string.digits),
    }

    def __init__(self, root: Any, split: str, **kwargs: Any) -> None:
        self.split = verify_str_arg(split, "split", self.splits)
        super().__init__(root, **kwargs)
        self.classes = self.classes_split_dict[self.split]  # type: ignore[misc]  # torchvision's do so too

    def _names(self) -> list[str]:
        prefix = f"emnist-{self.split}-{'train' if self.train else 'test'}"
        return [f"{prefix}-images-idx3-ubyte", f"{prefix}-labels-idx1-ubyte"]

    def download(self) -> None:
        """Fetch the archive and take the files out of it. Raises RuntimeError where it cannot be had."""
        if self._check_exists():
            return
        path = os.path.join(self.raw_folder, "gzip.zip")
        if not check_integrity(path, self.md5):
            download_url(self.url, self.raw_folder, "gzip.zip", self.md5)
        with zipfile.ZipFile(path) as archive:
            for member in archive.namelist():
                name = os.path.basename(member)
                if name.endswith(".gz"):
                    with open(os.path.join(self.raw_folder, name), "wb") as file:
                        file.write(archive.read(member))
