"""House numbers (Netzer et al., 2011) and STL-10 (Coates, Ng and Lee, 2011)."""

import os
from typing import Any, ClassVar

import numpy

from pynn.vision._pillow import pillow
from pynn.vision.datasets.utils import (
    check_integrity,
    download_and_extract_archive,
    download_url,
    verify_str_arg,
)
from pynn.vision.datasets.vision import VisionDataset

__all__ = ["STL10", "SVHN"]


class SVHN(VisionDataset):
    """Digits of house numbers, pictures of 32 x 32 in colour, from root/<split>_32x32.mat; reading it needs SciPy.

    split: "train", "test" or "extra". data: uint8 array (N, 3, 32, 32); labels: int64 array (N,), 0 to 9.
    """

    split_list: ClassVar[dict[str, list[str]]] = {
        split: [f"http://ufldl.stanford.edu/housenumbers/{split}_32x32.mat", f"{split}_32x32.mat", md5]
        for split, md5 in (
            ("train", "e26dedcc434d2e4c54c9b2d4a06d8373"),
            ("test", "eb5a983be6a315427106f1b164d9cef3"),
            ("extra", "a93ce644f1a588dc4d68dda5feec44a7"),
        )
    }

    def __init__(
        self,
        root: Any,
        split: str = "train",
        transform: Any = None,
        target_transform: Any = None,
        download: bool = False,
    ) -> None:
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.split = verify_str_arg(split, "split", tuple(self.split_list))
        self.url, self.filename, self.file_md5 = self.split_list[split]
        if download:
            self.download()
        path = os.path.join(self.root, self.filename)
        if not check_integrity(path, self.file_md5):
            raise RuntimeError(f"Dataset not found or corrupted: {path}. You can use download=True to download it")
        try:
            import scipy.io
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError("SVHN's files need SciPy, which is not installed: pip install scipy") from error
        matrices = scipy.io.loadmat(path)
        self.data = numpy.ascontiguousarray(matrices["X"].transpose(3, 2, 0, 1))
        self.labels = matrices["y"].astype(numpy.int64).reshape(-1)
        self.labels[self.labels == 10] = 0  # the file counts 0 as 10

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        return self._prepared(pillow().fromarray(self.data[index].transpose(1, 2, 0)), int(self.labels[index]))

    def __len__(self) -> int:
        return len(self.data)

    def download(self) -> None:
        """Fetch the file, unless it is there. Raises RuntimeError where it cannot be had."""
        download_url(self.url, self.root, self.filename, self.file_md5)

    def extra_repr(self) -> str:
        return f"Split: {self.split}"


class STL10(VisionDataset):
    """Pictures of 96 x 96 in colour, of ten classes and none, from root/stl10_binary.

    split: "train", "test", "unlabeled" or "train+unlabeled"; folds: 0 to 9 for one of the published thousands.
    data: uint8 array (N, 3, 96, 96); labels: int64 array (N,), -1 for no class.
    """

    base_folder = "stl10_binary"
    url = "http://ai.stanford.edu/~acoates/stl10/stl10_binary.tar.gz"
    filename = "stl10_binary.tar.gz"
    tgz_md5 = "91f7769df0f17e558f3565bffb0c7dfb"
    splits = ("train", "train+unlabeled", "unlabeled", "test")

    def __init__(
        self,
        root: Any,
        split: str = "train",
        folds: int | None = None,
        transform: Any = None,
        target_transform: Any = None,
        download: bool = False,
    ) -> None:
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.split = verify_str_arg(split, "split", self.splits)
        if folds is not None and folds not in range(10):
            raise ValueError(f"Value for argument folds should be in the range [0, 10), but got {folds}.")
        self.folds = folds
        if download:
            self.download()
        parts = [self._part(part) for part in split.split("+")]
        self.data = numpy.concatenate([pixels for pixels, _ in parts])
        self.labels = numpy.concatenate([labels for _, labels in parts])
        with open(self._path("class_names.txt")) as file:
            self.classes = file.read().splitlines()
        if folds is not None and "train" in split:
            with open(self._path("fold_indices.txt")) as file:
                chosen = numpy.array(file.read().splitlines()[folds].split(), dtype=numpy.int64)
            self.data, self.labels = self.data[chosen], self.labels[chosen]

    def _path(self, name: str) -> str:
        path = os.path.join(self.root, self.base_folder, name)
        if not os.path.isfile(path):
            raise RuntimeError(f"Dataset not found: there is no {path}. You can use download=True to download it")
        return path

    def _part(self, part: str) -> tuple[numpy.ndarray, numpy.ndarray]:
        pixels = numpy.fromfile(self._path(f"{part}_X.bin"), numpy.uint8).reshape(-1, 3, 96, 96)
        pixels = numpy.ascontiguousarray(pixels.transpose(0, 1, 3, 2))  # the file goes down the columns
        if part == "unlabeled":
            return pixels, numpy.full(len(pixels), -1, numpy.int64)
        return pixels, numpy.fromfile(self._path(f"{part}_y.bin"), numpy.uint8).astype(numpy.int64) - 1

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        return self._prepared(pillow().fromarray(self.data[index].transpose(1, 2, 0)), int(self.labels[index]))

    def __len__(self) -> int:
        return len(self.data)

    def download(self) -> None:
        """Fetch and unpack the archive, unless it is there. Raises RuntimeError where it cannot be had."""
        if not os.path.isfile(os.path.join(self.root, self.base_folder, "train_X.bin")):
            download_and_extract_archive(self.url, self.root, filename=self.filename, md5=self.tgz_md5)

    def extra_repr(self) -> str:
        return f"Split: {self.split}"
