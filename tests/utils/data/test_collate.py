import collections
import types

import numpy
import pytest

import pynn
from pynn.utils.data import default_collate, default_convert

Point = collections.namedtuple("Point", "x y")


def plain(value):
    """A batch with its tensors as (dtype name, nested lists)."""
    if hasattr(value, "tolist"):
        return str(value.dtype).split(".")[1], value.tolist()
    if isinstance(value, collections.abc.Mapping):
        return type(value).__name__, {key: plain(item) for key, item in value.items()}
    if isinstance(value, (tuple, list, collections.deque)):
        return type(value).__name__, [plain(item) for item in value]
    return value


def samples(lib):
    """Batches of every kind, for pynn and for torch."""
    return {
        "tensors": [lib.tensor([1.0, 2.0]), lib.tensor([3.0, 4.0])],
        "scalars": [lib.tensor(1), lib.tensor(2)],
        "arrays": [numpy.array([1, 2], dtype=numpy.int16), numpy.array([3, 4], dtype=numpy.int16)],
        "0-d arrays": [numpy.array(1.0), numpy.array(2.0)],
        "float32s": [numpy.float32(1), numpy.float32(2)],
        "float64s": [numpy.float64(1), numpy.float64(2)],
        "int32s": [numpy.int32(3), numpy.int32(4)],
        "bools": [numpy.bool_(True), numpy.bool_(False)],
        "floats": [1.5, 2.5],
        "float and int": [1.5, 2],
        "ints": [1, 2],
        "python bools": [True, False],
        "strings": ["a", "bc"],
        "bytes": [b"a", b"bc"],
        "dicts": [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}],
        "ordered": [collections.OrderedDict(a=1), collections.OrderedDict(a=2)],
        "user dicts": [collections.UserDict(a=1), collections.UserDict(a=2)],
        "immutable mappings": [types.MappingProxyType({"a": 1}), types.MappingProxyType({"a": 2})],
        "named tuples": [Point(1, 2.0), Point(3, 4.0)],
        "tuples": [(1, lib.tensor([2.0])), (3, lib.tensor([5.0]))],
        "lists": [[1, 2], [3, 4]],
        "deques": [collections.deque([1, 2]), collections.deque([3, 4])],
        "ranges": [range(2), range(2)],
        "empty lists": [[], []],
        "nested": [{"a": [(1, {"b": 2.0})]}, {"a": [(3, {"b": 4.0})]}],
        "tuple of numbers": (1, 2),
    }


KINDS = list(samples(pynn))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["default_collate", "default_convert"])
def test_as_torch_does(name, kind):
    torch = pytest.importorskip("torch")
    ours = getattr(pynn.utils.data, name)(samples(pynn)[kind])
    theirs = getattr(torch.utils.data, name)(samples(torch)[kind])
    assert plain(ours) == plain(theirs)


@pytest.mark.parametrize(
    ("kind", "batch"),
    [
        ("tensors", ("float32", [[1.0, 2.0], [3.0, 4.0]])),
        ("arrays", ("int16", [[1, 2], [3, 4]])),
        ("float32s", ("float32", [1.0, 2.0])),
        ("floats", ("float64", [1.5, 2.5])),
        ("ints", ("int64", [1, 2])),
        ("python bools", ("bool", [True, False])),
        ("strings", ("list", ["a", "bc"])),
        ("dicts", ("dict", {"a": ("int64", [1, 2]), "b": ("list", ["x", "y"])})),
        ("named tuples", ("Point", [("int64", [1, 3]), ("float64", [2.0, 4.0])])),
        ("tuples", ("list", [("int64", [1, 3]), ("float32", [[2.0], [5.0]])])),
        ("lists", ("list", [("int64", [1, 3]), ("int64", [2, 4])])),
    ],
)
def test_collate(kind, batch):
    assert plain(default_collate(samples(pynn)[kind])) == batch


def test_collate_keeps_what_a_mapping_carries():
    batch = default_collate([collections.defaultdict(list, a=1), collections.defaultdict(list, a=2)])
    assert isinstance(batch, collections.defaultdict)
    assert batch.default_factory is list


def test_collate_copies_arrays():
    array = numpy.zeros(2)
    batch = default_collate([array])
    batch.add_(1)
    assert array.tolist() == [0, 0]


def test_collate_is_differentiable():
    x = pynn.ones(2, requires_grad=True)
    default_collate([x, x * 3]).sum().backward()
    assert x.grad.tolist() == [4, 4]


def test_collate_errors():
    for bad in ([object()], [None], [numpy.array(["a"])], [numpy.array([None])]):
        with pytest.raises(TypeError, match="batch must contain tensors, numpy arrays, numbers, dicts or lists; found"):
            default_collate(bad)
    with pytest.raises(RuntimeError, match=r"of equal size, got lengths \[1, 2\]"):
        default_collate([[1], [1, 2]])
    with pytest.raises(RuntimeError, match=r"stack expects each tensor to be equal size, but got \[1\] at entry 0"):
        default_collate([pynn.zeros(1), pynn.zeros(2)])
    with pytest.raises(KeyError):
        default_collate([{"a": 1}, {"b": 1}])
    with pytest.raises(TypeError, match="expected Tensor as element 1"):
        default_collate([pynn.zeros(1), 3])


def test_convert_leaves_the_rest_alone():
    marker = object()
    out = default_convert({"a": numpy.arange(2), "b": [marker, "text", 3], "c": numpy.float32(2)})
    assert out["a"].tolist() == [0, 1]
    assert out["b"][0] is marker
    assert out["b"][1:] == ["text", 3]
    assert out["c"].dtype is pynn.float32
    words = numpy.array(["a"])
    assert default_convert(words) is words


def test_the_pattern_of_arrays_that_are_no_numbers():
    from pynn.utils.data._utils.collate import np_str_obj_array_pattern as pattern

    assert all(pattern.search(numpy.array(x).dtype.str) for x in ("text", b"bytes", None))
    assert not any(pattern.search(numpy.array(x).dtype.str) for x in (1, 1.5, True))
