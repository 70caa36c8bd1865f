import contextlib
import io
import pickle
import struct
import zipfile

import numpy
import pytest

import pynn
from tests.serialization.handmade import legacy, name, rebuilt, repacked, saved, zipped


def test_mmap(tmp_path):
    path = tmp_path / "x.pt"
    x = pynn.rand(50, 50)
    pynn.save([x, x[1:], x.to(pynn.float64)], path)
    back = pynn.load(path, mmap=True)
    assert pynn.equal(back[0], x)
    assert back[2].dtype is pynn.float64
    back[0].zero_()
    assert not back[1].any()  # shared within the process, and not written to the file
    assert pynn.equal(pynn.load(path)[0], x)


def test_mmap_needs_a_path_and_the_zip_format(tmp_path):
    with pytest.raises(ValueError, match="f must be a file path in order to use the mmap argument"):
        pynn.load(saved(1), mmap=True)
    (tmp_path / "old").write_bytes(legacy())
    with pytest.raises(RuntimeError, match="mmap can only be used with files in the zip format"):
        pynn.load(tmp_path / "old", mmap=True)


def test_big_endian():
    data = struct.pack(">3f", 1, 2, 3)
    file = zipped(rebuilt("FloatStorage", 3, (3,), (1,)), {"data/0": data, "byteorder": b"big"})
    assert pynn.load(file).tolist() == [1, 2, 3]


def test_without_a_byteorder_entry_the_machines_is_meant():
    data = numpy.array([1, 2, 3], numpy.float32).tobytes()
    assert pynn.load(zipped(rebuilt("FloatStorage", 3, (3,), (1,)), {"data/0": data})).tolist() == [1, 2, 3]


def test_bfloat16():
    bits = numpy.array([1.0, -2.5, 0.15625], numpy.float32).view(numpy.uint32) >> 16
    file = zipped(rebuilt("BFloat16Storage", 3, (3,), (1,)), {"data/0": bits.astype("<u2").tobytes()})
    x = pynn.load(file)
    assert x.dtype is pynn.bfloat16
    assert x.tolist() == [1.0, -2.5, 0.15625]


def test_untyped_storages():
    pickled = rebuilt("FloatStorage", 12, (3,), (1,)).replace(b"_rebuild_tensor_v2", b"_rebuild_tensor_v3")
    pickled = pickled.replace(name("torch", "FloatStorage"), name("torch.storage", "UntypedStorage"))
    pickled = pickled.replace(b"NtR.", b"N" + name("torch", "float32") + b"tR.")
    assert pynn.load(zipped(pickled, {"data/0": struct.pack("=3f", 1, 2, 3)})).tolist() == [1, 2, 3]


# ---- map_location ----


@pytest.mark.parametrize(
    "where",
    [
        "cpu",
        pynn.device("cpu"),
        {"cuda:0": "cpu"},
        lambda storage, place: storage,
        lambda storage, place: storage.cpu(),
    ],
    ids=["name", "device", "dict", "function", "cpu()"],
)
def test_map_location(where):
    for file in (legacy(location="cuda:0"), zipped_from_gpu()):
        assert pynn.load(io.BytesIO(file), map_location=where).tolist() == [1, 2, 3]


def zipped_from_gpu():
    pickled = rebuilt("FloatStorage", 3, (3,), (1,)).replace(b"X\x03\x00\x00\x00cpu", b"X\x06\x00\x00\x00cuda:0")
    return zipped(pickled, {"data/0": struct.pack("=3f", 1, 2, 3)}).getvalue()


@pytest.mark.parametrize("where", [None, {"cuda:1": "cpu"}, lambda storage, place: None])
def test_a_gpu_that_is_not_there(where):
    with pytest.raises(RuntimeError, match=r"CUDA device \(cuda:0\).*map_location='cpu'"):
        pynn.load(io.BytesIO(legacy(location="cuda:0")), map_location=where)
    with pytest.raises(RuntimeError, match="'cuda' is not available"):
        pynn.load(saved(pynn.ones(1)), map_location="cuda")


def test_other_places_and_bad_map_locations():
    with pytest.raises(RuntimeError, match="tagged with mps"):
        pynn.load(io.BytesIO(legacy(location="mps")))
    with pytest.raises(TypeError, match="map_location must be None, a device"):
        pynn.load(saved(1), map_location=3)


# ---- the format before torch 1.6 ----


def test_legacy():
    x = pynn.load(io.BytesIO(legacy()))
    assert x.tolist() == [1, 2, 3]
    assert pynn.load(io.BytesIO(legacy()), weights_only=False).tolist() == [1, 2, 3]


def test_legacy_big_endian():
    assert pynn.load(io.BytesIO(legacy(order=">"))).tolist() == [1, 2, 3]


def test_legacy_truncated():
    whole = legacy()
    with pytest.raises(RuntimeError, match="unexpected EOF, expected 2 more bytes"):
        pynn.load(io.BytesIO(whole[:-2]))
    for end in range(1, len(whole) - 1):
        with pytest.raises((RuntimeError, pickle.UnpicklingError)):
            pynn.load(io.BytesIO(whole[:end]))


def test_legacy_sizes_are_checked_before_memory_is_made():
    with pytest.raises(RuntimeError, match=r"claims 4000000000000000 bytes, but the file has"):
        pynn.load(io.BytesIO(legacy(numel=10**15)))


def test_legacy_counts_must_agree():
    with pytest.raises(RuntimeError, match="should begin with its number of elements, 2"):
        pynn.load(io.BytesIO(legacy(numel=2, size=2)))


def test_legacy_storages_nobody_named():
    with pytest.raises(RuntimeError, match="storage 'other', which nothing in it refers to"):
        pynn.load(io.BytesIO(legacy(keys=["other"])))
    with pytest.raises(RuntimeError, match="should list the keys"):
        pynn.load(io.BytesIO(legacy(keys=[["0"]])))


def test_legacy_versions():
    with pytest.raises(RuntimeError, match="Invalid protocol version: 1002, expected 1001"):
        pynn.load(io.BytesIO(legacy(version=1002)))
    with pytest.raises(RuntimeError, match="Invalid magic number; corrupt file"):
        pynn.load(io.BytesIO(pickle.dumps({"a": 1})))


# ---- damaged and foreign files ----


def test_empty_file(tmp_path):
    (tmp_path / "x").touch()
    with pytest.raises(EOFError, match="the file is empty"):
        pynn.load(tmp_path / "x")
    with pytest.raises(EOFError, match="the file is empty"):
        pynn.load(io.BytesIO())


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        pynn.load(tmp_path / "x")
    with pytest.raises(IsADirectoryError):
        pynn.load(tmp_path)


@pytest.mark.parametrize("f", [None, 3, iter(())])
def test_what_is_no_file(f):
    with pytest.raises(AttributeError, match="takes a path or a seekable file"):
        pynn.load(f)


@pytest.mark.parametrize("content", [b"hello world, this is text", b"\x89PNG\r\n\x1a\n", b"\x00" * 100, b"\x80\x02"])
def test_foreign_files(content):
    for weights_only in (True, False):
        with pytest.raises(
            pickle.UnpicklingError, match=r"neither a zip archive nor a pickle of torch\.save's old format"
        ):
            pynn.load(io.BytesIO(content), weights_only=weights_only)


def test_every_truncation_fails_cleanly():
    whole = saved({"x": pynn.ones(5)}).getvalue()
    for end in range(4, len(whole), 7):
        with pytest.raises(RuntimeError, match="failed finding central directory"):
            pynn.load(io.BytesIO(whole[:end]))


def test_other_zip_archives():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("word/document.xml", "text")
    file.seek(0)
    with pytest.raises(RuntimeError, match=r"not one of torch.save or pynn.save.*word/document.xml"):
        pynn.load(file)
    numpy.savez(arrays := io.BytesIO(), a=numpy.ones(2))
    arrays.seek(0)
    with pytest.raises(RuntimeError, match=r"not one of torch.save or pynn.save.*a.npy"):
        pynn.load(arrays)


def test_torchscript_is_recognised():
    with pytest.raises(RuntimeError, match="TorchScript archive"):
        pynn.load(zipped(b"N.", {"constants.pkl": b"N."}))


def test_flipped_bits_are_noticed():
    whole = bytearray(saved(pynn.arange(5.0)).getvalue())
    whole[whole.index(struct.pack("<2f", 3, 4))] ^= 1
    with pytest.raises(RuntimeError, match=r"checksum of entry data/0 does not match"):
        pynn.load(io.BytesIO(whole))


def test_random_damage_never_does_worse_than_fail():
    whole = saved({"x": pynn.arange(8.0), "y": [1, "two", 3.0]}).getvalue()
    rng = numpy.random.default_rng(0)
    for _ in range(300):
        damaged = bytearray(whole)
        for place in rng.integers(4, len(whole), 3):
            damaged[place] = rng.integers(256)
        with contextlib.suppress(RuntimeError, pickle.UnpicklingError):
            pynn.load(io.BytesIO(damaged))


def test_missing_entries():
    with pytest.raises(RuntimeError, match="no entry 'data/0'"):
        pynn.load(zipped(rebuilt("FloatStorage", 3, (3,), (1,)), {}))


@pytest.mark.parametrize("numel", [2, 4, 10**18, 2**62])
def test_storages_of_another_size_than_claimed(numel):
    with pytest.raises(RuntimeError, match="has 12 bytes, but the pickle claims"):
        pynn.load(zipped(rebuilt("FloatStorage", numel, (1,), (1,)), {"data/0": bytes(12)}))


def test_entries_that_claim_more_than_the_file():
    whole = bytearray(zipped(rebuilt("FloatStorage", 10**6, (1,), (1,)), {"data/0": bytes(12)}).getvalue())
    entry = whole.index(b"PK\x01\x02", whole.index(b"PK\x01\x02") + 1)  # data/0's record in the directory
    whole[entry + 20 : entry + 28] = struct.pack("<II", 4 * 10**6, 4 * 10**6)
    with pytest.raises(RuntimeError, match="claims 4000000 bytes from"):
        pynn.load(io.BytesIO(whole))


def test_entries_that_overlap():
    whole = bytearray(zipped(rebuilt("FloatStorage", 3, (3,), (1,)), {"data/0": bytes(12)}).getvalue())
    first = whole.index(b"PK\x01\x02")
    second = whole.index(b"PK\x01\x02", first + 1)
    offset = struct.unpack_from("<I", whole, first + 42)[0]
    struct.pack_into("<I", whole, second + 42, offset + 1)
    with pytest.raises(RuntimeError, match="not where the archive's directory says"):
        pynn.load(io.BytesIO(whole))


def test_compressed_entries_are_refused():
    with pytest.raises(RuntimeError, match="is compressed or encrypted"):
        pynn.load(repacked(saved(pynn.zeros(1000)), zipfile.ZIP_DEFLATED))
    assert pynn.load(repacked(saved(pynn.zeros(3)), zipfile.ZIP_STORED)).tolist() == [0, 0, 0]


def test_names_of_entries_are_no_paths(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    secret = tmp_path / "secret"
    secret.write_bytes(bytes(12))
    for key in ("../../secret", str(secret)):
        with pytest.raises(RuntimeError, match="no entry"):
            pynn.load(zipped(rebuilt("FloatStorage", 3, (3,), (1,), key=key), {}))
    pynn.load(zipped(rebuilt("FloatStorage", 3, (3,), (1,), key="../x"), {"data/../x": bytes(12)}))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["secret"]


def test_checksums_may_be_switched_off():
    whole = bytearray(saved(pynn.ones(3)).getvalue())
    place = -1
    while (place := whole.find(b"PK\x01\x02", place + 1)) >= 0:
        whole[place + 16 : place + 20] = bytes(4)
    assert pynn.load(io.BytesIO(whole)).tolist() == [1, 1, 1]


def test_files_that_cannot_readinto():
    class Plain:
        def __init__(self, file):
            self._file = file

        def read(self, count=-1):
            return self._file.read(count)

        def seek(self, *args):
            return self._file.seek(*args)

        def tell(self):
            return self._file.tell()

        def readline(self):
            return self._file.readline()

    assert pynn.load(Plain(saved(pynn.ones(3)))).tolist() == [1, 1, 1]
    assert pynn.load(Plain(io.BytesIO(legacy()))).tolist() == [1, 2, 3]
