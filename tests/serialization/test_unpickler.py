import collections
import io
import os
import pickle
import pickletools
import struct

import pytest

import pynn
from pynn import serialization
from tests.serialization.handmade import name, number, numbers, rebuilt, saved, storage, tensor, text, zipped

DATA = {"data/0": struct.pack("=3f", 1, 2, 3)}
TENSOR = tensor("FloatStorage", 3, (3,), (1,))


class Point:
    def __init__(self, x, y):
        self.x = x
        self.y = y


class Slotted:
    __slots__ = ("x",)


def double(x):
    return 2 * x


class Doubled:
    def __reduce__(self):
        return double, (21,)


@pytest.fixture(autouse=True)
def forget_globals():
    serialization.clear_safe_globals()
    yield
    serialization.clear_safe_globals()


def load(pickled, entries=DATA, **options):
    return pynn.load(zipped(b"\x80\x02" + pickled + b".", entries), **options)


def test_the_handmade_tensor_is_one():
    assert load(TENSOR).tolist() == [1, 2, 3]
    pickletools.dis(rebuilt("FloatStorage", 3, (3,), (1,)), io.StringIO())


# ---- globals ----


def test_code_is_not_run(tmp_path):
    path = tmp_path / "touched"

    class Attack:
        def __reduce__(self):
            return os.mkdir, (str(path),)

    with pytest.raises(pickle.UnpicklingError, match=r"Unsupported global: (posix|nt)\.mkdir .*weights_only=False"):
        load(pickle.dumps(Attack(), 2)[2:-1])
    with pytest.raises(pickle.UnpicklingError, match="neither a zip archive nor"):
        pynn.load(io.BytesIO(pickle.dumps(Attack(), 2)))
    with pytest.raises(pickle.UnpicklingError):  # also where only plain values belong
        pynn.load(io.BytesIO(pickle.dumps(Attack(), 2)), weights_only=False)
    assert not path.exists()


@pytest.mark.parametrize(
    "full",
    ["builtins.eval", "builtins.getattr", "os.system", "pynn._core.Tensor", "pynn.load", "torch.load", "torch.hub.load",
     "functools.partial", "collections.defaultdict", "numpy.load", "builtins.list", "copyreg._reconstructor"],
)  # fmt: skip
def test_other_globals_are_refused_by_name(full):
    module, _, attribute = full.rpartition(".")
    for spelt in (name(module, attribute), text(module) + text(attribute) + b"\x93"):
        with pytest.raises(pickle.UnpicklingError, match=full.replace(".", r"\.")):
            load(spelt)


def test_what_pynn_has_no_type_for():
    for attribute in ("ComplexFloatStorage", "per_tensor", "QInt8Storage"):
        with pytest.raises(pickle.UnpicklingError, match=f"needs torch.{attribute}, and pynn has nothing like it"):
            load(name("torch", attribute))
        with pytest.raises(pickle.UnpicklingError, match=f"needs torch.{attribute}"):
            load(name("torch", attribute), weights_only=False)


def test_a_dtype_that_no_tensor_has_is_read_as_its_name():
    assert load(name("torch", "uint16")) is pynn.uint16


@pytest.mark.parametrize("listed", [name("torch", "FloatStorage"), name("torch", "Tensor"), name("torch", "float32")])
def test_listed_values_are_not_called(listed):
    with pytest.raises(pickle.UnpicklingError, match="not an allowed function"):
        load(listed + b"(" + number(3) + b"tR")
    with pytest.raises(pickle.UnpicklingError, match="not an allowed function"):
        load(listed + b")\x81")


def test_results_are_not_called():
    with pytest.raises(pickle.UnpicklingError, match="not an allowed function"):
        load(b"K\x01)R")
    with pytest.raises(pickle.UnpicklingError, match="with int for a tuple"):
        load(name("torch", "Size") + b"K\x01R")


def test_opcodes_that_call_by_other_ways_are_unknown():
    for spelt in (
        b"(" + name("os", "system") + text("true") + b"o",
        b"(X\x00\x00\x00\x00ios\nsystem\n",
        b"\x82\x01",
        b"Pstorage\n",
    ):
        with pytest.raises(pickle.UnpicklingError):
            load(spelt)


# ---- states and items ----


def test_state_is_set_on_nothing_else():
    state = b"}" + text("x") + b"K\x01s"
    slots = b"N" + state + b"\x86"
    for target in (TENSOR, name("torch", "Tensor"), name("torch._utils", "_rebuild_tensor_v2"), name("torch", "float32"),
                   name("collections", "OrderedDict"), name("torch", "FloatStorage"), b"]", b"}"):  # fmt: skip
        for change in (state, slots):
            with pytest.raises(pickle.UnpicklingError, match="sets the state of"):
                load(target + change + b"b")
    assert not hasattr(pynn.Tensor, "x")
    assert load(name("collections", "OrderedDict") + b")R" + state + b"b").x == 1
    with pytest.raises(pickle.UnpicklingError, match="sets the state of"):
        load(name("collections", "OrderedDict") + b")R" + slots + b"b")


def test_items_go_into_plain_containers_only():
    for spelt in (TENSOR + b"K\x00K\x05s", TENSOR + b"(K\x00K\x05u", TENSOR + b"K\x00a", TENSOR + b"(K\x00e"):
        with pytest.raises(pickle.UnpicklingError, match="puts items into a Tensor"):
            load(spelt)
    assert load(b"](K\x01K\x02e") == [1, 2]
    assert load(b"}(K\x01K\x02u") == {1: 2}
    assert load(b"\x8f(K\x01\x90") == {1}


# ---- tensors ----


@pytest.mark.parametrize(
    ("size", "stride", "offset"),
    [
        ((4,), (1,), 0),
        ((3,), (1,), 1),
        ((3,), (2,), 0),
        ((2, 2), (2, 1), 0),
        ((1,), (1,), 3),
        ((), (), 3),
        ((10**9,), (1,), 0),
    ],
)
def test_tensors_stay_within_their_storage(size, stride, offset):
    with pytest.raises(pickle.UnpicklingError, match="does not fit its storage of 3 elements"):
        load(tensor("FloatStorage", 3, size, stride, offset=offset))


@pytest.mark.parametrize(
    ("size", "stride", "offset"), [((3,), (-1,), 2), ((-1,), (1,), 0), ((3,), (1, 1), 0), ((3,), (1,), -1)]
)
def test_senseless_geometry(size, stride, offset):
    with pytest.raises(pickle.UnpicklingError, match=r"is none|does not fit"):
        load(tensor("FloatStorage", 3, size, stride, offset=offset))


def test_sensible_geometry():
    assert load(tensor("FloatStorage", 3, (2,), (2,))).tolist() == [1, 3]
    assert load(tensor("FloatStorage", 3, (2, 2), (1, 0), offset=1)).tolist() == [[2, 2], [3, 3]]
    assert load(tensor("FloatStorage", 3, (), (), offset=2)).item() == 3
    assert load(tensor("FloatStorage", 3, (0, 5), (5, 1))).shape == (0, 5)


def test_integers_cannot_require_gradients():
    with pytest.raises(pickle.UnpicklingError, match="cannot require a gradient"):
        load(tensor("IntStorage", 3, (3,), (1,), grad=True))


def test_storages():
    with pytest.raises(
        pickle.UnpicklingError, match=r"names storage data/0 as torch.FloatStorage and as torch.IntStorage"
    ):
        load(b"(" + TENSOR + tensor("IntStorage", 3, (3,), (1,)) + b"t")
    with pytest.raises(pickle.UnpicklingError, match="refers to 1, which is no storage"):
        load(b"K\x01Q")
    with pytest.raises(pickle.UnpicklingError, match="which is no kind of storage"):
        load(storage("FloatStorage", "0", "cpu", 3).replace(name("torch", "FloatStorage"), b"N"))
    with pytest.raises(pickle.UnpicklingError, match="a storage of -1 elements"):
        load(storage("FloatStorage", "0", "cpu", -1))


def test_core_fields_cannot_be_set_from_a_file():
    rebuild = name("torch._tensor", "_rebuild_from_type_v2") + b"(" + name("torch._utils", "_rebuild_tensor_v2")
    args = b"(" + storage("FloatStorage", "0", "cpu", 3) + b"K\x00" + numbers((3,)) + numbers((1,)) + b"\x89Nt"
    kind = name("torch", "Tensor")
    assert load(rebuild + kind + args + b"}" + text("tag") + b"K\x07stR").tag == 7
    for field in ("_array", "_tracked"):
        with pytest.raises(pickle.UnpicklingError, match="must be a dict from names"):
            load(rebuild + kind + args + b"}" + text(field) + b"NstR")
    with pytest.raises(pickle.UnpicklingError, match="not a class of tensors"):
        load(rebuild + name("torch", "float32") + args + b"}tR")


def test_no_memory_by_number():
    for function in (name("builtins", "bytearray"), name("__builtin__", "bytearray")):
        with pytest.raises(pickle.UnpicklingError, match="a bytearray is written as bytes"):
            load(function + b"(" + number(10**12) + b"tR")
    with pytest.raises(pickle.UnpicklingError, match="bytes are written as latin1"):
        load(name("_codecs", "encode") + b"(" + text("x") + text("utf-32") + b"tR")
    with pytest.raises(pickle.UnpicklingError):
        load(b"\x8e" + struct.pack("<Q", 2**62))  # BINBYTES8 of 4 EiB


# ---- what the user allows ----


def test_allowed_globals():
    file = saved({"p": Point(1, pynn.ones(2)), "d": Doubled()})
    with pytest.raises(
        pickle.UnpicklingError,
        match=r"Unsupported global: tests\.serialization\.test_unpickler\.Point.*add_safe_globals\(\[Point\]\)",
    ):
        pynn.load(file)
    serialization.add_safe_globals([Point, (double, f"{__name__}.double")])
    assert serialization.get_safe_globals() == [Point, double]
    file.seek(0)
    back = pynn.load(file)
    assert back["p"].x == 1
    assert back["p"].y.tolist() == [1, 1]
    assert back["d"] == 42
    serialization.clear_safe_globals()
    assert serialization.get_safe_globals() == []
    file.seek(0)
    with pytest.raises(pickle.UnpicklingError):
        pynn.load(file)


def test_allowed_in_a_block():
    slotted = Slotted()
    slotted.x = 5
    file = saved(slotted)
    with serialization.safe_globals([Slotted]):
        assert pynn.load(file).x == 5
    file.seek(0)
    with pytest.raises(pickle.UnpicklingError):
        pynn.load(file)


def test_allowed_under_another_name():
    serialization.add_safe_globals([(Point, "their.module.Dot")])
    assert serialization.get_safe_globals() == [(Point, "their.module.Dot")]
    point = load(name("their.module", "Dot") + b")\x81}" + text("x") + b"K\x03sb")
    assert point.x == 3
    with pytest.raises(TypeError, match="a class or function"):
        serialization.add_safe_globals(["os.system"])


# ---- trusted files ----


def test_trusted_files_hold_anything():
    back = pynn.load(saved([Point(1, 2), Doubled(), collections.defaultdict(list, a=[1])]), weights_only=False)
    assert back[0].y == 2
    assert back[1] == 42
    assert back[2]["b"] == []


def test_trusted_files_name_pynn_by_torchs_names():
    assert load(name("torch.nn.functional", "relu"), weights_only=False) is pynn.nn.functional.relu
    assert load(name("torch.nn.modules.linear", "Linear"), weights_only=False) is pynn.nn.Linear
    assert load(name("torch", "float32"), weights_only=False) is pynn.float32
    assert load(TENSOR, weights_only=False).tolist() == [1, 2, 3]


def test_whole_models():
    model = pynn.nn.Sequential(pynn.nn.Linear(3, 4), pynn.nn.ReLU(), pynn.nn.Linear(4, 2))
    with pytest.raises(pickle.UnpicklingError, match=r"A whole model needs .*weights_only=False"):
        pynn.load(saved(model))
    back = pynn.load(saved(model), weights_only=False)
    x = pynn.rand(5, 3)
    assert pynn.equal(back(x), model(x))
    assert all(isinstance(p, pynn.nn.Parameter) and p.requires_grad for p in back.parameters())


def test_parameters():
    free, frozen = pynn.nn.Parameter(pynn.ones(2)), pynn.nn.Parameter(pynn.zeros(2), requires_grad=False)
    free.tag = "seen"
    back = pynn.load(saved([free, frozen, free]))
    assert all(isinstance(p, pynn.nn.Parameter) for p in back)
    assert [p.requires_grad for p in back] == [True, False, True]
    assert back[0] is back[2]
    assert back[0].tag == "seen"


def test_subclasses_of_tensor():
    buffer = pynn.nn.Buffer(pynn.ones(2), persistent=False) if hasattr(pynn.nn, "Buffer") else None
    if buffer is not None:
        back = pynn.load(saved(buffer))
        assert isinstance(back, pynn.nn.Buffer)
        assert back.persistent is False


def test_state_dicts():
    model, other = (pynn.nn.Sequential(pynn.nn.Linear(3, 4), pynn.nn.Linear(4, 3)) for _ in range(2))
    state = pynn.load(saved(model.state_dict()))
    assert state._metadata == model.state_dict()._metadata
    other.load_state_dict(state)
    x = pynn.rand(2, 3)
    assert pynn.equal(model(x), other(x))


def test_tied_weights_stay_tied():
    first, second = pynn.nn.Linear(3, 3, bias=False), pynn.nn.Linear(3, 3, bias=False)
    second.weight = first.weight
    state = pynn.load(saved(pynn.nn.Sequential(first, second).state_dict()))
    state["0.weight"].zero_()
    assert not state["1.weight"].any()


def test_whole_modules_take_pynns_functions_for_torchs():
    def found(*names):
        return load(name(*names), weights_only=False)

    assert found("torch._C._nn", "gelu") is pynn.nn.functional.gelu
    assert found("torch.nn.functional", "silu") is pynn.nn.functional.silu
    assert found("torch.optim.adam", "Adam") is pynn.optim.Adam
    got = b"c__builtin__\ngetattr\n(" + name("torch._C", "_VariableFunctionsClass") + b"X\x04\x00\x00\x00tanhtR"
    assert load(got, weights_only=False) is pynn.tanh
    got = b"c__builtin__\ngetattr\n(" + name("torch._C", "TensorBase") + b"X\x04\x00\x00\x00tanhtR"
    assert load(got, weights_only=False)(pynn.zeros(1)).item() == 0
    for module in ("torch.nn.modules.nowhere", "torchvision.models.nowhere", "torch._C"):
        with pytest.raises(pickle.UnpicklingError, match="pynn has nothing of that name"):
            found(module, "Nothing")
