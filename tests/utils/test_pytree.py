"""Trees of containers: taken apart, put together, mapped."""

from collections import OrderedDict, defaultdict, deque, namedtuple

import pytest

import pynn
from pynn.utils import _pytree as pytree

Point = namedtuple("Point", ["x", "y"])

TREES = [
    3,
    None,
    (),
    [1, (2, 3), {"a": 4, "b": [5]}],
    Point(1, [2, 3]),
    OrderedDict([("b", 1), ("a", (2,))]),
    defaultdict(list, {"k": 1}),
    deque([1, 2], maxlen=5),
]


@pytest.mark.parametrize("tree", TREES)
def test_there_and_back(tree):
    leaves, spec = pytree.tree_flatten(tree)
    again = pytree.tree_unflatten(leaves, spec)
    assert again == tree
    assert type(again) is type(tree)
    assert spec.num_leaves == len(leaves)
    assert pytree.tree_structure(tree) == spec
    if isinstance(tree, deque):
        assert again.maxlen == tree.maxlen


@pytest.mark.parametrize("tree", TREES)
def test_leaves_equal_torch(tree):
    theirs = pytest.importorskip("torch.utils._pytree")
    assert pytree.tree_leaves(tree) == theirs.tree_leaves(tree)


def test_map():
    tree = {"a": [1, 2], "b": (3,)}
    assert pytree.tree_map(lambda x: x * 10, tree) == {"a": [10, 20], "b": (30,)}
    assert pytree.tree_map(lambda x, y: x + y, tree, tree) == {"a": [2, 4], "b": (6,)}
    assert pytree.tree_map(len, [(1, 2), (3,)], is_leaf=lambda x: isinstance(x, tuple)) == [2, 1]
    assert pytree.tree_map_only(int, lambda x: -x, [1, "a", (2.0, 3)]) == [-1, "a", (2.0, -3)]
    assert pytree.tree_map_only(pynn.Tensor, lambda t: t.sum().item(), (pynn.ones(3), 1)) == (3.0, 1)
    seen = []
    assert pytree.tree_map_(seen.append, tree) is tree
    assert seen == [1, 2, 3]


def test_tests():
    assert pytree.tree_all(lambda x: x > 0, [1, (2,)])
    assert pytree.tree_any(lambda x: x > 1, [1, (2,)])
    assert pytree.tree_all_only(int, lambda x: x > 0, [1, "a"])
    assert not pytree.tree_any_only(str, lambda x: x == "b", [1, "a"])


def test_specs():
    spec = pytree.tree_structure({"a": 1, "b": 2})
    assert spec != pytree.tree_structure({"a": 1, "c": 2})
    assert spec != pytree.tree_structure([1, 2])
    assert pytree.tree_structure(5) == pytree.LeafSpec()
    assert pytree.tree_structure(5).is_leaf()
    with pytest.raises(ValueError, match="the spec refers to a pytree that holds 2 items"):
        spec.unflatten([1])
    with pytest.raises(TypeError, match="to be a TreeSpec"):
        pytree.tree_unflatten([1], 3)
    with pytest.raises(ValueError, match="mismatch"):
        pytree.tree_map(lambda x, y: x, [1, 2], (1, 2))
    with pytest.raises(ValueError, match="mismatch"):
        pytree.tree_map(lambda x, y: x, [1, 2], [1])


def test_registered_classes():
    class Pair:
        def __init__(self, a, b):
            self.a, self.b = a, b

    pytree.register_pytree_node(Pair, lambda p: ([p.a, p.b], None), lambda values, _: Pair(*values))
    doubled = pytree.tree_map(lambda x: x * 2, [Pair(1, (2,))])
    assert (doubled[0].a, doubled[0].b) == (2, (4,))
    with pytest.raises(ValueError, match="already registered"):
        pytree.register_pytree_node(Pair, None, None)


def test_results_with_names_and_sizes_keep_their_types():
    for tree in (pynn.ones(2, 3).max(0), pynn.Size([2, 3]), pynn.linalg.svd(pynn.eye(2))):
        leaves, spec = pytree.tree_flatten(tree)
        assert len(leaves) == len(tree)
        assert type(pytree.tree_unflatten(leaves, spec)) is type(tree)
    _, spec = pytree.tree_flatten(Point(1, 2))
    assert spec.type is namedtuple


def test_dicts_with_keys():
    pairs, keys = pytree._dict_flatten_with_keys({"a": 1, "b": 2})
    assert pairs == [(pytree.MappingKey("a"), 1), (pytree.MappingKey("b"), 2)]
    assert pytree._dict_unflatten([3, 4], keys) == {"a": 3, "b": 4}


def test_the_table_of_containers():
    for tree, kind in (([1], list), (Point(1, 2), namedtuple)):
        assert pytree._get_node_type(tree) is kind
        values, context = pytree.SUPPORTED_NODES[kind].flatten_fn(tree)
        assert pytree.SUPPORTED_NODES[kind].unflatten_fn(values, context) == tree
    assert pytree._get_node_type("leaf") is str
