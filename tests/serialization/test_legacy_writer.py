"""The format from before torch 1.6, written; bare storages; what a file would need to be allowed."""

import io
import pickle
from collections import OrderedDict, namedtuple

import numpy
import pytest

import pynn
from pynn import nn, serialization

Point = namedtuple("Point", "x y")


def through(obj, **options):
    file = io.BytesIO()
    pynn.save(obj, file, **options)
    file.seek(0)
    return file


def old(obj):
    return through(obj, _use_new_zipfile_serialization=False)


def everything():
    base = pynn.arange(6.0)
    return {
        "base": base,
        "view": base.view(2, 3).t(),
        "part": base[2:],
        "kinds": [
            pynn.ones(2, dtype=getattr(pynn, d)) for d in ("bool", "uint8", "int16", "int64", "float16", "bfloat16")
        ],
        "empty": pynn.empty(0, 3),
        "parameter": nn.Parameter(pynn.ones(2)),
        "plain": OrderedDict(a=(1, 2.5, None, True, "text", {3})),
    }


@pytest.mark.parametrize("write", [old, through])
def test_reads_back(write):
    back = pynn.load(write(everything()))
    wanted = everything()
    for name in ("base", "view", "part", "empty", "parameter"):
        assert back[name].shape == wanted[name].shape
        assert pynn.equal(back[name], wanted[name])
    for one, other in zip(back["kinds"], wanted["kinds"]):
        assert one.dtype is other.dtype
        assert (one == other).all()
    assert back["plain"] == wanted["plain"]
    assert type(back["parameter"]) is nn.Parameter
    back["base"][2] = 9
    assert back["part"][0].item() == 9
    assert back["view"][2, 0].item() == 9


def test_is_the_old_format():
    data = old(pynn.ones(3)).getvalue()
    assert pickle.loads(data) == serialization.MAGIC_NUMBER
    assert data.endswith(b"\x03" + bytes(7) + numpy.ones(3, "<f4").tobytes())


def test_an_old_file_is_whole_or_not_there(tmp_path):
    path = tmp_path / "m.tar"
    pynn.save({"x": pynn.ones(2)}, path, _use_new_zipfile_serialization=False)
    before = path.read_bytes()
    with pytest.raises((pickle.PicklingError, AttributeError, TypeError)):
        pynn.save(lambda: 0, path, _use_new_zipfile_serialization=False)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["m.tar"]


@pytest.mark.parametrize("write", [old, through])
def test_torch_reads_it(write):
    torch = pytest.importorskip("torch")
    back = torch.load(write(everything()), weights_only=True)
    assert back["view"].stride() == (1, 3)
    assert back["view"].tolist() == everything()["view"].tolist()
    assert [str(x.dtype) for x in back["kinds"]] == [
        str(x.dtype).replace("pynn", "torch") for x in everything()["kinds"]
    ]
    back["base"][2] = 9
    assert back["part"][0] == 9
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    optimizer = pynn.optim.Adam(model.parameters())
    model(pynn.ones(4, 2)).sum().backward()
    optimizer.step()
    back = torch.load(write({"m": model.state_dict(), "o": optimizer.state_dict()}), weights_only=True)
    twin = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3))
    twin.load_state_dict(back["m"])
    torch.optim.Adam(twin.parameters()).load_state_dict(back["o"])


@pytest.mark.parametrize("write", [old, through])
def test_bare_storages(write):
    storage = pynn.FloatStorage([1.0, 2.0, 3.0])
    back = pynn.load(write({"s": storage}))["s"]
    assert isinstance(back, pynn.TypedStorage)
    assert isinstance(back, pynn.FloatStorage)
    assert back.tolist() == [1, 2, 3]
    with pytest.raises(RuntimeError, match="UntypedStorage cannot be saved on its own"):
        write(storage.untyped())


def test_globals_that_would_be_refused(tmp_path):
    file = through({"p": Point(1, 2), "n": numpy.float64(2), "o": OrderedDict(), "t": pynn.ones(2)})
    names = serialization.get_unsafe_globals_in_checkpoint(file)
    assert f"{__name__}.Point" in names
    assert "numpy._core.multiarray.scalar" in names
    assert not [name for name in names if name.startswith(("torch.", "collections."))]
    path = tmp_path / "m.pt"
    pynn.save(pynn.ones(2), path)
    assert serialization.get_unsafe_globals_in_checkpoint(path) == []
    file = through([Point(1, 2), Point(3, 4)], pickle_protocol=4)
    assert serialization.get_unsafe_globals_in_checkpoint(file) == [f"{__name__}.Point"]
    with pytest.raises(ValueError, match="zip format"):
        serialization.get_unsafe_globals_in_checkpoint(old(1))


def test_numpy_scalars_once_allowed():
    scalar = numpy.float64(2.5)
    allowed = [numpy._core.multiarray.scalar, numpy.dtype, numpy.dtypes.Float64DType]
    with pytest.raises(pickle.UnpicklingError, match=r"Unsupported global: numpy\._core\.multiarray\.scalar"):
        pynn.load(through(scalar))
    with serialization.safe_globals(allowed):
        assert pynn.load(through(scalar)) == scalar


def test_byte_order_of_files_that_do_not_say_theirs():
    from .handmade import rebuilt, zipped

    data = numpy.array([1, 2, 3], ">f4").tobytes()
    file = zipped(rebuilt("FloatStorage", 3, (3,), (1,)), {"data/0": data})
    try:
        serialization.set_default_load_endianness(serialization.LoadEndianness.BIG)
        assert pynn.load(file).tolist() == [1, 2, 3]
    finally:
        serialization.set_default_load_endianness(None)
    with pytest.raises(TypeError):
        serialization.set_default_load_endianness("big")
