"""Data sets read files in their published formats, made tiny here."""

import gzip
import hashlib
import io
import pickle
import tarfile

import numpy
import pytest

import pynn
from pynn.utils.data import DataLoader
from pynn.vision import datasets, transforms
from pynn.vision.datasets.cifar import read_pickle
from pynn.vision.datasets.mnist import read_idx


def idx(array):
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return bytes([0, 0, {"uint8": 8, ">i4": 12, ">f4": 13}[array.dtype.str if array.dtype.str[0] == ">" else "uint8"]]) + bytes(
        [array.ndim]
    ) + sizes + array.tobytes()  # fmt: skip


def write_mnist(folder, packed, prefixes=("train", "t10k")):
    folder.mkdir(parents=True, exist_ok=True)
    for prefix, count in zip(prefixes, (6, 4)):
        images = numpy.arange(count * 28 * 28, dtype=numpy.uint8).reshape(count, 28, 28)
        for name, array in (("images-idx3", images), ("labels-idx1", numpy.arange(count, dtype=numpy.uint8))):
            data = idx(array)
            path = folder / f"{prefix}-{name}-ubyte{'.gz' if packed else ''}"
            path.write_bytes(gzip.compress(data) if packed else data)


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("inside", ["MNIST/raw", "."])
def test_mnist(tmp_path, packed, inside):
    write_mnist(tmp_path / inside, packed)
    train = datasets.MNIST(str(tmp_path), download=True)  # nothing to fetch
    test = datasets.MNIST(tmp_path, train=False)
    assert (len(train), len(test)) == (6, 4)
    assert train.data.dtype == pynn.uint8
    assert train.targets.tolist() == [0, 1, 2, 3, 4, 5]
    assert train.data[1, 0, 0].item() == 784 % 256
    assert train.class_to_idx["3 - three"] == 3
    assert repr(test).splitlines()[:2] == ["Dataset MNIST", "    Number of datapoints: 4"]


def test_mnist_in_a_loader(tmp_path):
    pytest.importorskip("PIL")
    write_mnist(tmp_path, True)
    data = datasets.MNIST(tmp_path, transform=transforms.ToTensor(), target_transform=lambda t: t + 1)
    x, y = next(iter(DataLoader(data, batch_size=6)))
    assert x.shape == (6, 1, 28, 28)
    assert y.tolist() == [1, 2, 3, 4, 5, 6]
    assert pynn.allclose(x[:, 0] * 255, data.data.float())


def test_missing_files_say_where_they_were_looked_for(tmp_path):
    with pytest.raises(RuntimeError, match=r"MNIST.raw.*download=True"):
        datasets.MNIST(tmp_path)
    with pytest.raises(RuntimeError, match="cifar-10-batches-py"):
        datasets.CIFAR10(tmp_path)


def test_a_download_that_fails_says_where_the_file_belongs(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.MNIST, "mirrors", [f"{tmp_path.as_uri()}/none/"])
    with pytest.raises(RuntimeError, match="put the file at"):
        datasets.MNIST(tmp_path, download=True)
    assert not list((tmp_path / "MNIST" / "raw").iterdir())


def test_a_download_is_checked(tmp_path):
    source = tmp_path / "source.txt"
    source.write_text("hello")
    good = hashlib.md5(b"hello").hexdigest()
    datasets.utils.download_url(source.as_uri(), tmp_path / "to", "file.txt", good)
    assert (tmp_path / "to" / "file.txt").read_text() == "hello"
    with pytest.raises(RuntimeError, match="MD5"):
        datasets.utils.download_url(source.as_uri(), tmp_path / "to", "other.txt", "0" * 32)
    assert [path.name for path in (tmp_path / "to").iterdir()] == ["file.txt"]


def test_archives(tmp_path):
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as archive:
        member = tarfile.TarInfo("inner/x.txt")
        member.size = 2
        archive.addfile(member, io.BytesIO(b"hi"))
    datasets.utils.extract_archive(tmp_path / "a.tar.gz", tmp_path / "out")
    assert (tmp_path / "out" / "inner" / "x.txt").read_text() == "hi"
    with tarfile.open(tmp_path / "bad.tar", "w") as archive:
        member = tarfile.TarInfo("../escaped.txt")
        archive.addfile(member, io.BytesIO())
    with pytest.raises(tarfile.TarError, match="outside the destination"):
        datasets.utils.extract_archive(tmp_path / "bad.tar", tmp_path / "out")
    assert not (tmp_path / "escaped.txt").exists()
    with pytest.raises(RuntimeError, match="no suffix"):
        datasets.utils.extract_archive(tmp_path / "a.rar")


def test_idx(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(idx(numpy.array([[1, -2]], ">i4")))
    assert read_idx(path).tolist() == [[1, -2]]
    for wrong in (b"", b"\0\0\x08", b"abcd", idx(numpy.zeros(3, numpy.uint8))[:-1], b"\0\0\x08\x01\xff\xff\xff\xff"):
        path.write_bytes(wrong)
        with pytest.raises(ValueError):
            read_idx(path)


def test_emnist(tmp_path):
    write_mnist(tmp_path / "EMNIST" / "raw", True, ("emnist-letters-train", "emnist-letters-test"))
    data = datasets.EMNIST(tmp_path, "letters")
    assert len(data) == 6
    assert data.classes[:3] == ["N/A", "a", "b"]
    assert len(datasets.EMNIST.classes_split_dict["balanced"]) == 47
    with pytest.raises(ValueError, match="Unknown value"):
        datasets.EMNIST(tmp_path, "words")


def write_cifar(folder, cls, entries):
    base = folder / cls.base_folder
    base.mkdir(parents=True)
    sums = {}
    for name, entry in entries.items():
        data = pickle.dumps(entry, protocol=2)
        (base / name).write_bytes(data)
        sums[name] = hashlib.md5(data).hexdigest()
    return sums


def test_cifar10(tmp_path, monkeypatch):
    pytest.importorskip("PIL")
    pixels = numpy.arange(2 * 3072).astype(numpy.uint8).reshape(2, 3072)
    names = ["data_batch_1", "test_batch"]
    entries = {name: {"data": pixels, "labels": [3, 1]} for name in names}
    entries["batches.meta"] = {"label_names": ["a", "b", "c", "d"]}
    sums = write_cifar(tmp_path, datasets.CIFAR10, entries)
    monkeypatch.setattr(datasets.CIFAR10, "train_list", [["data_batch_1", sums["data_batch_1"]]])
    monkeypatch.setattr(datasets.CIFAR10, "test_list", [["test_batch", sums["test_batch"]]])
    monkeypatch.setattr(
        datasets.CIFAR10, "meta", {"filename": "batches.meta", "key": "label_names", "md5": sums["batches.meta"]}
    )
    data = datasets.CIFAR10(tmp_path, transform=transforms.PILToTensor())
    assert data.data.shape == (2, 32, 32, 3)
    x, y = data[1]
    assert y == 1
    assert pynn.equal(x, pynn.from_numpy(pixels[1].reshape(3, 32, 32)))
    assert data.class_to_idx["d"] == 3
    (tmp_path / datasets.CIFAR10.base_folder / "test_batch").write_bytes(b"other")
    with pytest.raises(RuntimeError, match="corrupted"):
        datasets.CIFAR10(tmp_path)


class Evil:
    def __reduce__(self):
        return eval, ("1 + 1",)


@pytest.mark.parametrize("value", [Evil(), {"data": Evil()}, [1, 2]])
def test_cifar_pickles_hold_data_alone(tmp_path, value):
    path = tmp_path / "x"
    path.write_bytes(pickle.dumps(value))
    with pytest.raises(pickle.UnpicklingError):
        read_pickle(path)


def test_image_folder(tmp_path):
    image = pytest.importorskip("PIL.Image")
    for name, files in (("cat", ["b.png", "a.png"]), ("dog", ["deep/c.jpg", "notes.txt"])):
        for file in files:
            path = tmp_path / name / file
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.suffix == ".txt":
                path.write_text("no picture")
            else:
                image.new("L", (4, 3), 7).save(path)
    data = datasets.ImageFolder(tmp_path, transform=transforms.ToTensor())
    assert data.classes == ["cat", "dog"]
    assert [(path.rsplit("/", 1)[-1], target) for path, target in data.samples] == [
        ("a.png", 0),
        ("b.png", 0),
        ("c.jpg", 1),
    ]
    assert data.targets == [0, 0, 1]
    assert data.imgs is data.samples
    assert data[0][0].shape == (3, 3, 4)
    texts = datasets.DatasetFolder(tmp_path, lambda path: path, (".txt",), allow_empty=True)
    assert len(texts) == 1
    with pytest.raises(FileNotFoundError, match="cat"):
        datasets.DatasetFolder(tmp_path, lambda path: path, (".txt",))
    with pytest.raises(ValueError, match="cannot be None or not None"):
        datasets.DatasetFolder(tmp_path, lambda path: path)
    with pytest.raises(FileNotFoundError, match="class folder"):
        datasets.ImageFolder(tmp_path / "cat")


def test_fake_data():
    pytest.importorskip("PIL")
    data = datasets.FakeData(5, (3, 4, 4), num_classes=3, transform=transforms.ToTensor())
    before = pynn.get_rng_state()
    assert pynn.equal(data[2][0], data[2][0])
    assert not pynn.equal(data[2][0], data[3][0])
    assert pynn.equal(before, pynn.get_rng_state())
    assert 0 <= data[2][1] < 3
    with pytest.raises(IndexError):
        data[5]


def test_vision_dataset_takes_transforms_or_their_parts():
    both = datasets.VisionDataset("x", transforms=lambda x, y: (y, x))
    assert both.transforms(1, 2) == (2, 1)
    with pytest.raises(ValueError, match="Only transforms"):
        datasets.VisionDataset("x", transforms=lambda x, y: x, transform=lambda x: x)
    with pytest.raises(NotImplementedError):
        len(both)


def test_stl10(tmp_path):
    base = tmp_path / "stl10_binary"
    base.mkdir()
    numpy.arange(3 * 96 * 96, dtype=numpy.uint8).tofile(base / "train_X.bin")
    numpy.array([4], numpy.uint8).tofile(base / "train_y.bin")
    (base / "class_names.txt").write_text("airplane\nbird\n")
    data = datasets.STL10(tmp_path)
    assert data.data[0, 0, 1, 0] == 1  # down the columns
    assert data.labels.tolist() == [3]
    with pytest.raises(RuntimeError, match=r"test_X\.bin"):
        datasets.STL10(tmp_path, "test")


def test_svhn(tmp_path, monkeypatch):
    scipy_io = pytest.importorskip("scipy.io")
    pytest.importorskip("PIL")
    pixels = numpy.arange(3 * 32 * 32 * 4, dtype=numpy.int64).astype(numpy.uint8).reshape(32, 32, 3, 4)
    scipy_io.savemat(tmp_path / "test_32x32.mat", {"X": pixels, "y": numpy.array([[10], [1], [9], [10]], numpy.uint8)})
    with pytest.raises(RuntimeError, match="not found or corrupted"):
        datasets.SVHN(tmp_path, split="test")
    digest = hashlib.md5((tmp_path / "test_32x32.mat").read_bytes()).hexdigest()
    monkeypatch.setitem(datasets.SVHN.split_list, "test", ["", "test_32x32.mat", digest])
    data = datasets.SVHN(tmp_path, split="test", target_transform=lambda t: t + 100)
    assert data.data.shape == (4, 3, 32, 32)
    assert (data.data[2, 1] == pixels[:, :, 1, 2]).all()
    assert data.labels.tolist() == [0, 1, 9, 0]  # the file counts 0 as 10
    picture, label = data[3]
    assert (picture.size, picture.getpixel((5, 2)), label) == ((32, 32), tuple(pixels[2, 5, :, 3].tolist()), 100)
    assert "Split: test" in repr(data)
