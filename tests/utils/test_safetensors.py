import json
import os

import numpy
import pytest

import pynn
from pynn import nn
from pynn.utils import safetensors
from pynn.utils.safetensors import load, load_file, load_model, safe_open, save, save_file, save_model


def packed(header, data=b""):
    """A file of a header (an object or its text) and data."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def entry(dtype="F32", shape=(2,), offsets=(0, 8)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


def tensors():
    made = {name: pynn.tensor([[0, 1, 1]]).to(getattr(pynn, name)) for name in safetensors._NAMES}
    x = pynn.rand(2, 3, 4)
    return made | {
        "transposed": x.permute(2, 0, 1),
        "part": x[:, 1:],
        "scalar": pynn.tensor(2.5),
        "empty": pynn.zeros(0, 3),
    }


def test_round_trip(tmp_path):
    path = tmp_path / "model.safetensors"
    save_file(tensors() | {"x": pynn.ones(2)}, path, metadata={"format": "pt"})
    back = load_file(path)
    for name, tensor in load(path.read_bytes()).items():
        assert pynn.equal(tensor, back[name])
    pynn.manual_seed(0)
    expected = tensors()
    pynn.manual_seed(0)
    for name, tensor in load(save(tensors())).items():
        assert tensor.dtype is expected[name].dtype
        assert pynn.equal(tensor, expected[name])
    assert os.listdir(tmp_path) == ["model.safetensors"]


def test_the_layout():
    data = save({"b": pynn.tensor([True]), "a": pynn.tensor([1.0, 2.0])}, {"k": "v"})
    length = int.from_bytes(data[:8], "little")
    assert length % 8 == 0
    assert json.loads(data[8 : 8 + length]) == {
        "__metadata__": {"k": "v"},
        "a": entry(),
        "b": entry("BOOL", (1,), (8, 9)),
    }
    assert data[8 + length :] == numpy.array([1, 2], "<f4").tobytes() + b"\x01"


def test_with_the_safetensors_library():
    library = pytest.importorskip("safetensors.numpy")
    ours = tensors()
    del ours["bfloat16"]  # which NumPy has not
    theirs = library.load(save(ours))
    assert set(theirs) == set(ours)
    for name, array in theirs.items():
        assert array.dtype == ours[name].numpy().dtype
        assert array.tolist() == ours[name].tolist()
    arrays = {name: tensor.numpy().copy() for name, tensor in ours.items()}
    for name, tensor in load(library.save(arrays)).items():
        assert tensor.tolist() == ours[name].tolist()


def test_state_dicts(tmp_path):
    model, other = pynn.nn.Linear(3, 4), pynn.nn.Linear(3, 4)
    save_file(model.state_dict(), tmp_path / "x")
    other.load_state_dict(load_file(tmp_path / "x"))
    assert pynn.equal(model.weight, other.weight)


def test_bfloat16():
    bits = (numpy.array([1.5, -2.0], numpy.float32).view(numpy.uint32) >> 16).astype("<u2")
    data = packed({"x": entry("BF16", (2,), (0, 4))}, bits.tobytes())
    back = load(data)
    assert back["x"].dtype is pynn.bfloat16
    assert back["x"].tolist() == [1.5, -2.0]
    assert load(save(back))["x"].tolist() == [1.5, -2.0]


def test_a_failed_save_leaves_the_old_file(tmp_path):
    path = tmp_path / "x"
    save_file({"x": pynn.ones(1)}, path)
    with pytest.raises(TypeError, match=r"got 'step': int. Other values.*go into pynn.save"):
        save_file({"x": pynn.zeros(1), "step": 3}, path)
    assert load_file(path)["x"].item() == 1
    assert os.listdir(tmp_path) == ["x"]


def test_bad_arguments():
    with pytest.raises(TypeError, match="takes a dict from names to tensors, got list"):
        save([pynn.ones(1)])
    with pytest.raises(TypeError, match="metadata must be a dict from strings to strings"):
        save({}, {"epoch": 3})
    with pytest.raises(RuntimeError, match="'cuda' is not available"):
        load_file("x", device="cuda")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "it has 0 bytes"),
        (b"\xff" * 8, "the header claims 18446744073709551615 bytes, of a file of 8"),
        (packed(b"hello"), "the header is not JSON"),
        (packed(b"\xff\xfe"), "the header is not JSON"),
        (packed(b"[" * 100_000), "the header is not JSON"),
        (packed(b"[1]"), "the header is a list"),
        (packed(b'{"a": 1, "a": 2}'), "a name occurs twice"),
        (packed({"x": 3}), "is described by 3"),
        (packed({"x": {"dtype": "F32"}}), "not by dtype, shape and data_offsets"),
        (packed({"x": entry("C64")}), "dtype 'C64', which pynn has not"),
        (packed({"x": entry(shape=(-2,))}), "has shape"),
        (packed({"x": entry(shape=(2.0,))}), "has shape"),
        (packed({"x": entry(shape=(10**12, 10**12))}), "does not fit its data_offsets"),
        (packed({"x": entry(offsets=(8, 0))}), "does not fit its data_offsets"),
        (packed({"x": entry(offsets=(0, 8, 9))}), "does not fit its data_offsets"),
        (packed({"x": entry(shape=(3,))}), "does not fit its data_offsets"),
        (packed({"x": entry()}), "the tensors take 8 bytes, but the file has 0"),
        (packed({"x": entry()}, bytes(9)), "the tensors take 8 bytes, but the file has 9"),
        (packed({"x": entry(shape=(10**15,), offsets=(0, 4 * 10**15))}, bytes(8)), "take 4000000000000000 bytes"),
        (packed({"x": entry(offsets=(8, 16))}, bytes(16)), "begins at 8, but the one before it ends at 0"),
        (packed({"x": entry(), "y": entry()}, bytes(8)), "begins at 0, but the one before it ends at 8"),
        (packed({"x": entry(), "y": entry(offsets=(4, 12))}, bytes(12)), "begins at 4"),
    ],
)
def test_bad_files(data, message):
    with pytest.raises(RuntimeError, match=message):
        load(data)


# ---- one tensor at a time ----


def test_safe_open(tmp_path):
    path = tmp_path / "m.safetensors"
    x = pynn.arange(24.0).view(4, 6)
    save_file(
        {"x": x, "h": pynn.ones(3).bfloat16(), "s": pynn.tensor(2.0), "e": pynn.empty(0, 2)}, path, metadata={"k": "v"}
    )
    with safe_open(path, framework="pt", device="cpu") as f:
        assert sorted(f.keys()) == ["e", "h", "s", "x"]
        assert "x" in f.keys()  # noqa: SIM118
        assert f.metadata() == {"k": "v"}
        assert pynn.equal(f.get_tensor("x"), x)
        assert f.get_tensor("h").dtype is pynn.bfloat16
        assert f.get_tensor("s").item() == 2
        assert f.get_tensor("e").shape == (0, 2)
        part = f.get_slice("x")
        assert part.get_shape() == [4, 6]
        assert part.get_dtype() == "F32"
        for index in (slice(1, 3), (slice(None), slice(2, 4)), (2, slice(None)), slice(None), (..., slice(0, 1)), 3):
            assert pynn.equal(part[index], x[index])
        with pytest.raises(RuntimeError, match="no tensor 'y'"):
            f.get_tensor("y")
    with pytest.raises(RuntimeError, match="closed"):
        f.get_tensor("x")
    with pytest.raises(FileNotFoundError):
        safe_open(tmp_path / "none", "pt")
    with pytest.raises(ValueError, match="framework"):
        safe_open(path, "tf")
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(RuntimeError, match="not a valid safetensors file"):
        safe_open(path, "pt")


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(5, 3)
        self.head = nn.Linear(3, 5, bias=False)
        self.head.weight = self.embed.weight
        self.norm = nn.LayerNorm(3)


def test_models_with_tied_weights(tmp_path):
    path = tmp_path / "m.safetensors"
    model, other = Tied(), Tied()
    save_model(model, path, metadata={"format": "pt"})
    with safe_open(path, "pt") as f:
        assert sorted(f.keys()) == ["embed.weight", "norm.bias", "norm.weight"]
        assert f.metadata() == {"format": "pt", "head.weight": "embed.weight"}
    assert load_model(other, path) == (set(), [])
    assert pynn.equal(other.head.weight, model.embed.weight)
    wrong = nn.ModuleDict({"embed": nn.Embedding(5, 3), "more": nn.Linear(1, 1)})
    with pytest.raises(RuntimeError, match=r'Missing key\(s\) in state_dict: "more.bias", "more.weight"'):
        load_model(wrong, path)
    missing, unexpected = load_model(wrong, path, strict=False)
    assert missing == {"more.bias", "more.weight"}
    assert sorted(unexpected) == ["norm.bias", "norm.weight"]
