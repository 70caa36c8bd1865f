import io
import os
import pickle
import stat
import struct
import zipfile
from collections import OrderedDict

import numpy
import pytest

import pynn
from pynn import serialization


class Unpicklable:
    def __reduce__(self):
        raise ValueError("not this one")


def saved(obj, **options):
    """obj's file, to read from."""
    file = io.BytesIO()
    pynn.save(obj, file, **options)
    file.seek(0)
    return file


def again(obj, **options):
    return pynn.load(saved(obj), **options)


@pytest.mark.parametrize("name", ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64"])
def test_dtypes(name):
    x = pynn.tensor([0, 1, 1, 0]).to(getattr(pynn, name))
    y = again(x)
    assert y.dtype is x.dtype
    assert pynn.equal(x, y)


@pytest.mark.parametrize("shape", [(), (1,), (0,), (0, 3), (3, 0, 2), (2, 3, 4)])
def test_shapes(shape):
    x = pynn.rand(shape)
    y = again(x)
    assert y.shape == x.shape
    assert pynn.equal(x, y)


def test_plain_values():
    obj = {
        "numbers": [1, -2, 2.5, True, None, 2**70, 1 + 2j],
        "text": ("a", "é", b"bytes", bytearray(b"more")),
        "sets": {1, 2},
        3: OrderedDict(a={}, b=[]),
        "dtype": pynn.float16,
        "device": pynn.device("cpu"),
        "shape": pynn.Size((2, 3)),
    }
    back = again(obj)
    assert back == obj
    assert back["dtype"] is pynn.float16
    assert type(back["shape"]) is pynn.Size
    assert type(back[3]) is OrderedDict


def test_requires_grad_is_kept():
    x = pynn.ones(2, requires_grad=True)
    assert again(x).requires_grad
    assert not again(x.detach()).requires_grad
    grown = again(x * 2)  # history is not
    assert grown.is_leaf
    assert grown.requires_grad


def test_attributes_of_a_tensor_are_kept():
    x = pynn.ones(2)
    x.tag = "seen"
    assert again(x).tag == "seen"
    assert pynn.equal(again(x), x)


def test_shared_memory_is_written_once_and_shared_again():
    x = pynn.arange(1000.0)
    file = saved({"x": x, "tail": x[500:], "rows": x.view(10, 100), "same": x, "detached": x.detach()})
    assert len(file.getvalue()) < 1000 * 4 + 2500
    back = pynn.load(file)
    assert back["x"] is back["same"]
    back["x"].zero_()
    for name in ("tail", "rows", "detached"):
        assert not back[name].any()
    assert len(saved(back).getvalue()) == len(file.getvalue())  # and still, written again


def test_strides_and_offsets_are_kept():
    x = pynn.arange(24).reshape(2, 3, 4)
    views = {
        "transposed": x.permute(2, 0, 1),
        "part": x[:, 1:, 2:],
        "stepped": x[:, ::2, ::3],
        "expanded": x[0, 0].expand(5, 4),
        "scalar": x[1, 2, 3],
    }
    back = again(views)
    for name, view in views.items():
        assert back[name].stride() == view.stride()
        assert back[name].tolist() == view.tolist()
    back["transposed"].zero_()
    assert not back["part"].any()


def test_arrays_of_other_layouts():
    fortran = pynn.from_numpy(numpy.asfortranarray(numpy.arange(6.0).reshape(2, 3)))
    assert again(fortran).stride() == (1, 2)
    assert again(fortran).tolist() == fortran.tolist()
    backwards = pynn.from_numpy(numpy.arange(4)[::-1])
    assert again(backwards).tolist() == [3, 2, 1, 0]
    gaps = pynn.from_numpy(numpy.frombuffer(bytearray(range(64)), numpy.int32)[::3])
    assert again(gaps).tolist() == gaps.tolist()


def test_a_part_of_a_foreign_buffer_is_written_alone(tmp_path):
    buffer = numpy.zeros(100_000, numpy.uint8)
    assert len(saved(pynn.from_numpy(buffer[:8].view(numpy.float32))).getvalue()) < 2000
    numpy.zeros(100_000, numpy.float32).tofile(tmp_path / "data")
    mapped = numpy.memmap(tmp_path / "data", numpy.float32, "r+")
    assert len(saved(pynn.from_numpy(numpy.asarray(mapped[5:7]))).getvalue()) < 2000


def test_empty_tensors_of_several_dtypes():
    back = again([pynn.zeros(0), pynn.zeros(0, dtype=pynn.int64), pynn.zeros(0, 2)])
    assert [x.dtype for x in back] == [pynn.float32, pynn.int64, pynn.float32]
    assert back[2].shape == (0, 2)


def test_one_memory_under_two_dtypes_is_refused():
    floats = numpy.ones(4, numpy.float32)
    pair = [pynn.from_numpy(floats), pynn.from_numpy(floats.view(numpy.int32))]
    with pytest.raises(RuntimeError, match="view the same data as different types"):
        saved(pair)


def test_metadata_of_a_state_dict_survives():
    state = OrderedDict(w=pynn.ones(2))
    state._metadata = OrderedDict({"": {"version": 1}})
    back = again(state)
    assert list(back) == ["w"]
    assert back._metadata == state._metadata


def test_the_archive_is_torchs():
    archive = zipfile.ZipFile(saved({"x": pynn.ones(3), "y": pynn.zeros(2, dtype=pynn.int64)}))
    assert archive.testzip() is None
    entries = {info.filename: info for info in archive.infolist()}
    assert list(entries) == [
        "archive/data.pkl",
        "archive/.format_version",
        "archive/.storage_alignment",
        "archive/byteorder",
        "archive/data/0",
        "archive/data/1",
        "archive/version",
    ]
    assert archive.read("archive/version") == b"3\n"
    assert archive.read("archive/byteorder") == b"little"
    assert archive.read("archive/data/0") == struct.pack("<3f", 1, 1, 1)
    for info in entries.values():
        assert info.compress_type == zipfile.ZIP_STORED
        archive.fp.seek(info.header_offset + 26)
        name, extra = struct.unpack("<HH", archive.fp.read(4))
        assert (info.header_offset + 30 + name + extra) % 64 == 0
    text = archive.read("archive/data.pkl")
    for name in (b"ctorch._utils\n_rebuild_tensor_v2\n", b"ctorch\nFloatStorage\n", b"ctorch\nLongStorage\n"):
        assert text.count(name) == 1  # then by the memo
    assert b"pynn" not in text


def test_equal_objects_give_equal_files(tmp_path):
    pynn.save([pynn.ones(2)], tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == saved([pynn.ones(2)]).getvalue()


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_protocols(protocol):
    file = saved({"x": pynn.ones(2), "b": b"x"}, pickle_protocol=protocol)
    assert pynn.load(file)["x"].tolist() == [1, 1]


@pytest.mark.parametrize("kind", [str, lambda p: p, lambda p: os.fspath(p).encode()], ids=["str", "Path", "bytes"])
def test_paths(tmp_path, kind):
    path = tmp_path / "model.pt"
    if isinstance(kind(path), bytes):
        with pytest.raises(AttributeError, match="string, path, or a file-like object with a 'write' attribute"):
            pynn.save(1, kind(path))
        return
    pynn.save([1, 2], kind(path))
    assert pynn.load(kind(path)) == [1, 2]
    assert os.listdir(tmp_path) == ["model.pt"]


def test_files_behind_other_content():
    file = io.BytesIO()
    file.write(b"header")
    pynn.save(pynn.ones(3), file)
    file.seek(6)
    assert pynn.load(file).tolist() == [1, 1, 1]


def test_a_sink_that_only_writes():
    class Pipe:
        data = b""

        def write(self, data):
            self.data += bytes(data)
            return len(data)

    pipe = Pipe()
    pynn.save([pynn.ones(2)], pipe)
    assert pipe.data == saved([pynn.ones(2)]).getvalue()


def test_a_failed_save_leaves_the_old_file(tmp_path):
    path = tmp_path / "model.pt"
    pynn.save("old", path)
    with pytest.raises(ValueError, match="not this one"):
        pynn.save([pynn.ones(100), Unpicklable()], path)
    assert pynn.load(path) == "old"
    assert os.listdir(tmp_path) == ["model.pt"]


def test_a_failed_first_save_leaves_nothing(tmp_path):
    with pytest.raises(ValueError, match="not this one"):
        pynn.save(Unpicklable(), tmp_path / "model.pt")
    assert os.listdir(tmp_path) == []


def test_a_full_disk_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "model.pt"
    pynn.save("old", path)

    def full(self, name, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(serialization.archive.Writer, "add", full)
    with pytest.raises(OSError, match="No space left"):
        pynn.save("new", path)
    monkeypatch.undo()
    assert pynn.load(path) == "old"
    assert os.listdir(tmp_path) == ["model.pt"]


def test_links_and_modes_are_kept(tmp_path):
    path, link = tmp_path / "real.pt", tmp_path / "link.pt"
    pynn.save(1, path)
    path.chmod(0o640)
    link.symlink_to(path)
    pynn.save(2, link)
    assert link.is_symlink()
    assert pynn.load(path) == 2
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_bad_targets(tmp_path):
    with pytest.raises(RuntimeError, match=r"Parent directory .*nowhere does not exist"):
        pynn.save(1, tmp_path / "nowhere" / "model.pt")
    with pytest.raises(RuntimeError, match="is a directory"):
        pynn.save(1, tmp_path)
    with pytest.raises(AttributeError, match="expected 'f' to be string, path, or a file-like object"):
        pynn.save(1, None)


def test_options_that_are_not_there():
    with pytest.raises(RuntimeError, match="pickle_module=json"):
        saved(1, pickle_module=__import__("json"))
    assert pynn.load(saved(1, pickle_module=pickle)) == 1


def test_what_pickle_refuses():
    with pytest.raises((pickle.PicklingError, AttributeError)):
        saved(lambda: None)


@pytest.mark.parametrize("new", [True, False])
def test_a_writer_needs_write_alone_and_is_flushed(new):
    class Stream:
        def __init__(self):
            self.data, self.flushed = b"", 0

        def write(self, data):
            self.data += bytes(data)
            return len(data)

        def flush(self):
            self.flushed = len(self.data)

    stream = Stream()
    pynn.save([pynn.ones(3)], stream, _use_new_zipfile_serialization=new)
    assert stream.flushed == len(stream.data)
    assert pynn.load(io.BytesIO(stream.data))[0].tolist() == [1.0, 1.0, 1.0]
