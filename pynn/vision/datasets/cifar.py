"""CIFAR-10 and CIFAR-100 (Krizhevsky, 2009), from their pickles, of which nothing but plain data is read."""

import os
import pickle
from typing import Any, ClassVar

import numpy

from pynn.vision._pillow import pillow
from pynn.vision.datasets.utils import check_integrity, download_and_extract_archive
from pynn.vision.datasets.vision import VisionDataset

__all__ = ["CIFAR10", "CIFAR100"]


class _ArrayUnpickler(pickle.Unpickler):
    """Reads numbers, strings, containers and arrays, and refuses all else."""

    _ALLOWED = frozenset(
        f"{module}.{name}"
        for module in ("numpy.core.multiarray", "numpy._core.multiarray")
        for name in ("_reconstruct", "scalar")
    ) | {"numpy.ndarray", "numpy.dtype", "_codecs.encode"}

    def find_class(self, module: str, name: str) -> Any:
        if f"{module}.{name}" not in self._ALLOWED:
            raise pickle.UnpicklingError(
                f"the file asks for {module}.{name}; a data set holds arrays and nothing else."
            )
        return super().find_class(module.replace("numpy.core", "numpy._core"), name)


def read_pickle(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The dict in a pickle of plain data, keys of Python 2 as strings. Raises UnpicklingError for anything else."""
    with open(path, "rb") as file:
        entry = _ArrayUnpickler(file, encoding="latin1").load()
    if not isinstance(entry, dict):
        raise pickle.UnpicklingError(f"{os.fspath(path)} holds {type(entry).__name__}, not a dict.")
    return entry


class CIFAR10(VisionDataset):
    """60,000 pictures of 32 x 32 in colour, of ten classes, in root/cifar-10-batches-py.

    data: uint8 array (N, 32, 32, 3); targets: a list of numbers; classes: their names. download: fetch and unpack.
    Raises RuntimeError where files are not there or not as they were published.
    """

    base_folder = "cifar-10-batches-py"
    url = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
    filename = "cifar-10-python.tar.gz"
    tgz_md5 = "c58f30108f718f92721af3b95e74349a"
    train_list: ClassVar[list[list[Any]]] = [
        ["data_batch_1", "c99cafc152244af753f735de768cd75f"],
        ["data_batch_2", "d4bba439e000b95fd0a9bffe97cbabec"],
        ["data_batch_3", "54ebc095f3ab1f0389bbae665268c751"],
        ["data_batch_4", "634d18415352ddfa80567beed471001a"],
        ["data_batch_5", "482c414d41f54cd18b22e5b47cb7c3cb"],
    ]
    test_list: ClassVar[list[list[Any]]] = [["test_batch", "40351d587109b95175f43aff81a1287e"]]
    meta: ClassVar[dict[str, Any]] = {
        "filename": "batches.meta",
        "key": "label_names",
        "md5": "5ff9c542aee3614f3951f8cda6e48888",
    }

    def __init__(
        self, root: Any, train: bool = True, transform: Any = None, target_transform: Any = None, download: bool = False
    ) -> None:
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.train = train
        if download:
            self.download()
        if not self._check_integrity():
            raise RuntimeError(
                f"Dataset not found or corrupted in {os.path.join(self.root, self.base_folder)}. "
                "You can use download=True to download it"
            )
        pixels: list[numpy.ndarray] = []
        self.targets: list[int] = []
        for name, _ in self.train_list if train else self.test_list:
            entry = read_pickle(self._path(name))
            pixels.append(numpy.asarray(entry["data"], dtype=numpy.uint8))
            self.targets.extend(int(label) for label in entry["labels" if "labels" in entry else "fine_labels"])
        planes = numpy.concatenate(pixels).reshape(-1, 3, 32, 32)
        self.data = numpy.ascontiguousarray(planes.transpose(0, 2, 3, 1))
        self.classes: list[str] = read_pickle(self._path(self.meta["filename"]))[self.meta["key"]]
        self.class_to_idx = {name: number for number, name in enumerate(self.classes)}

    def _path(self, name: str) -> str:
        return os.path.join(self.root, self.base_folder, name)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        return self._prepared(pillow().fromarray(self.data[index]), self.targets[index])

    def __len__(self) -> int:
        return len(self.data)

    def _check_integrity(self) -> bool:
        files = [*self.train_list, *self.test_list, [self.meta["filename"], self.meta["md5"]]]
        return all(check_integrity(self._path(name), md5) for name, md5 in files)

    def download(self) -> None:
        """Fetch and unpack the archive, unless the files are there. Raises RuntimeError where it cannot be had."""
        if not self._check_integrity():
            download_and_extract_archive(self.url, self.root, filename=self.filename, md5=self.tgz_md5)

    def extra_repr(self) -> str:
        return f"Split: {'Train' if self.train else 'Test'}"


class CIFAR100(CIFAR10):
    """60,000 pictures of 32 x 32 in colour, of a hundred classes, in root/cifar-100-python."""

    base_folder = "cifar-100-python"
    url = "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz"
    filename = "cifar-100-python.tar.gz"
    tgz_md5 = "eb9058c3a382ffc7106e4002c42a8d85"
    train_list: ClassVar[list[list[Any]]] = [["train", "16019d7e3df5f24257cddd939b257f8d"]]
    test_list: ClassVar[list[list[Any]]] = [["test", "f0ef6b0ae62326f3e7ffdfab6717acfc"]]
    meta: ClassVar[dict[str, Any]] = {
        "filename": "meta",
        "key": "fine_label_names",
        "md5": "7973b15100ade9c7d40fb424638fde48",
    }
