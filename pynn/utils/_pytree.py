"""Nested containers of tensors: take them apart into leaves, and put them together again."""

from collections import OrderedDict, defaultdict, deque, namedtuple
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

__all__ = [
    "GetAttrKey", "LeafSpec", "MappingKey", "PyTree", "SequenceKey", "TreeSpec", "register_pytree_node", "tree_all", "tree_all_only", "tree_any", "tree_any_only",
    "tree_flatten", "tree_iter", "tree_leaves", "tree_map", "tree_map_", "tree_map_only", "tree_map_only_", "tree_structure",
    "tree_unflatten",
]  # fmt: skip

PyTree = Any


class _Kind(NamedTuple):
    """How containers of one type are taken apart (values, context) and put together."""

    flatten_fn: Callable[[Any], tuple[list[Any], Any]]
    unflatten_fn: Callable[[Iterable[Any], Any], Any]


SUPPORTED_NODES: dict[Any, _Kind] = {}


def register_pytree_node(
    cls: Any,
    flatten_fn: Callable[[Any], tuple[list[Any], Any]],
    unflatten_fn: Callable[[Iterable[Any], Any], Any],
    **accepted: Any,
) -> None:
    """Let instances of a class be containers: flatten_fn(x) -> (values, context), unflatten_fn(values, context) -> x.

    ValueError for a class that is one already. Further arguments are accepted as torch's.
    """
    if cls in SUPPORTED_NODES:
        raise ValueError(f"{cls} is already registered as pytree node.")
    SUPPORTED_NODES[cls] = _Kind(flatten_fn, unflatten_fn)


_register_pytree_node = register_pytree_node


class MappingKey(NamedTuple):
    """Where a leaf lies: under a key of a dict."""

    key: Any


class SequenceKey(NamedTuple):
    """Where a leaf lies: at an index of a list or tuple."""

    idx: int


class GetAttrKey(NamedTuple):
    """Where a leaf lies: at an attribute."""

    name: str


def _dict_flatten(d: Any) -> tuple[list[Any], Any]:
    return list(d.values()), list(d.keys())


def _dict_flatten_with_keys(d: Any) -> tuple[list[Any], Any]:
    return [(MappingKey(key), value) for key, value in d.items()], list(d.keys())


def _dict_unflatten(values: Iterable[Any], keys: Any) -> dict[Any, Any]:
    return dict(zip(keys, values))


SUPPORTED_NODES[dict] = _Kind(_dict_flatten, _dict_unflatten)
SUPPORTED_NODES[OrderedDict] = _Kind(_dict_flatten, lambda values, keys: OrderedDict(zip(keys, values)))
SUPPORTED_NODES[defaultdict] = _Kind(
    lambda d: (list(d.values()), (d.default_factory, list(d.keys()))),
    lambda values, context: defaultdict(context[0], zip(context[1], values)),
)
SUPPORTED_NODES[list] = _Kind(lambda x: (list(x), None), lambda values, _: list(values))
SUPPORTED_NODES[tuple] = _Kind(lambda x: (list(x), None), lambda values, _: tuple(values))
SUPPORTED_NODES[deque] = _Kind(lambda x: (list(x), x.maxlen), lambda values, maxlen: deque(values, maxlen))
SUPPORTED_NODES[namedtuple] = _Kind(lambda x: (list(x), type(x)), lambda values, cls: cls(*values))


def _type_of(tree: Any) -> Any:
    """What kind of container a tree is, or None for a leaf."""
    cls = type(tree)
    if cls in SUPPORTED_NODES:
        return cls
    if not isinstance(tree, tuple):
        return None
    from pynn.ops.view import Size
    from pynn.return_types import Named

    if issubclass(cls, (Size, Named)):  # made of one iterable, like a tuple; a type each
        SUPPORTED_NODES[cls] = _Kind(lambda x: (list(x), None), lambda values, _: cls(values))
        return cls
    return namedtuple if hasattr(cls, "_fields") else None


def _get_node_type(tree: Any) -> Any:
    """The key of a tree in SUPPORTED_NODES where it is a container, else its type."""
    return _type_of(tree) or type(tree)


def _kind(name: Any) -> _Kind:
    return SUPPORTED_NODES[name]


class TreeSpec:
    """The shape of a tree: kinds of containers, their contexts (keys), and those of their children."""

    def __init__(self, type: Any, context: Any, children_specs: "list[TreeSpec]") -> None:
        self.type = type
        self.context = context
        self.children_specs = children_specs
        self.num_leaves: int = sum(c.num_leaves for c in children_specs)
        self.num_children = len(children_specs)

    def is_leaf(self) -> bool:
        """Whether this is a leaf, not a container."""
        return False

    def flatten_up_to(self, tree: Any) -> list[Any]:
        """The parts of a tree of this shape (or deeper) that stand where this one has leaves."""
        if self.is_leaf():
            return [tree]
        found = _type_of(tree)
        if found != self.type:
            raise ValueError(f"Type mismatch; expected {self.type!r}, but got {type(tree)!r}.")
        values, context = _kind(found).flatten_fn(tree)
        if len(values) != self.num_children or (found in (dict, OrderedDict) and list(context) != list(self.context)):
            raise ValueError(f"Node structure mismatch: expected {self!r}, got {tree!r}.")
        return [part for child, value in zip(self.children_specs, values) for part in child.flatten_up_to(value)]

    def unflatten(self, leaves: Iterable[Any]) -> Any:
        """A tree of this shape with these leaves."""
        leaves = list(leaves)
        if len(leaves) != self.num_leaves:
            raise ValueError(
                f"treespec.unflatten(leaves): `leaves` has length {len(leaves)} but the spec refers to a pytree that holds "
                f"{self.num_leaves} items."
            )
        return self._build(iter(leaves))

    def _build(self, leaves: Any) -> Any:
        return _kind(self.type).unflatten_fn([c._build(leaves) for c in self.children_specs], self.context)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, TreeSpec)
            and self.is_leaf() == other.is_leaf()
            and self.type == other.type
            and self.context == other.context
            and self.children_specs == other.children_specs
        )

    def __hash__(self) -> int:
        return hash((self.type, self.num_leaves, self.num_children))

    def __repr__(self) -> str:
        return f"TreeSpec({self.type.__name__}, {self.context}, {self.children_specs})"


class LeafSpec(TreeSpec):
    """The shape of a single leaf."""

    def __init__(self) -> None:
        super().__init__(None, None, [])
        self.num_leaves = 1

    def is_leaf(self) -> bool:
        """True."""
        return True

    def _build(self, leaves: Any) -> Any:
        return next(leaves)

    def __repr__(self) -> str:
        return "*"


def tree_flatten(tree: PyTree, is_leaf: Callable[[Any], bool] | None = None) -> tuple[list[Any], TreeSpec]:
    """The leaves of a tree, in order, and its shape. is_leaf(x): what else to take as a leaf."""
    leaves: list[Any] = []
    return leaves, _flatten(tree, leaves, is_leaf)


def _flatten(tree: Any, leaves: list[Any], is_leaf: Callable[[Any], bool] | None) -> TreeSpec:
    name = None if is_leaf is not None and is_leaf(tree) else _type_of(tree)
    if name is None:
        leaves.append(tree)
        return LeafSpec()
    values, context = _kind(name).flatten_fn(tree)
    return TreeSpec(name, context, [_flatten(v, leaves, is_leaf) for v in values])


def tree_unflatten(leaves: Iterable[Any], treespec: TreeSpec) -> PyTree:
    """A tree of that shape with these leaves."""
    if not isinstance(treespec, TreeSpec):
        raise TypeError(
            f"tree_unflatten(leaves, treespec): expected `treespec` to be a TreeSpec, got {type(treespec)}."
        )
    return treespec.unflatten(leaves)


def tree_leaves(tree: PyTree, is_leaf: Callable[[Any], bool] | None = None) -> list[Any]:
    """The leaves of a tree, in order."""
    return tree_flatten(tree, is_leaf)[0]


def tree_iter(tree: PyTree, is_leaf: Callable[[Any], bool] | None = None) -> Iterable[Any]:
    """The leaves of a tree, one by one."""
    return iter(tree_leaves(tree, is_leaf))


def tree_structure(tree: PyTree, is_leaf: Callable[[Any], bool] | None = None) -> TreeSpec:
    """The shape of a tree."""
    return tree_flatten(tree, is_leaf)[1]


def tree_map(
    func: Callable[..., Any], tree: PyTree, *rests: PyTree, is_leaf: Callable[[Any], bool] | None = None
) -> PyTree:
    """A tree of the same shape with func(leaf, *leaves of the other trees) as leaves."""
    leaves, spec = tree_flatten(tree, is_leaf)
    return spec.unflatten(map(func, leaves, *[spec.flatten_up_to(r) for r in rests]))


def tree_map_(
    func: Callable[..., Any], tree: PyTree, *rests: PyTree, is_leaf: Callable[[Any], bool] | None = None
) -> PyTree:
    """Call func on the leaves for what it does; returns the tree."""
    leaves, spec = tree_flatten(tree, is_leaf)
    for parts in zip(leaves, *[spec.flatten_up_to(r) for r in rests]):
        func(*parts)
    return tree


_MISSING: Any = object()


def _only(kinds: Any, func: Callable[..., Any]) -> Callable[[Any], Any]:
    test = kinds if callable(kinds) and not isinstance(kinds, type) else lambda x: isinstance(x, kinds)
    return lambda x: func(x) if test(x) else x


def tree_map_only(
    kinds: Any, func: Any = _MISSING, tree: PyTree = _MISSING, is_leaf: Callable[[Any], bool] | None = None
) -> PyTree:
    """`tree_map` that leaves alone what is not of these types (or fails this test)."""
    return tree_map(_only(kinds, func), tree, is_leaf=is_leaf)


def tree_map_only_(kinds: Any, func: Any, tree: PyTree, is_leaf: Callable[[Any], bool] | None = None) -> PyTree:
    """`tree_map_` that leaves alone what is not of these types."""
    return tree_map_(_only(kinds, func), tree, is_leaf=is_leaf)


def tree_all(pred: Callable[[Any], bool], tree: PyTree, is_leaf: Callable[[Any], bool] | None = None) -> bool:
    """Whether pred holds of all leaves."""
    return all(map(pred, tree_leaves(tree, is_leaf)))


def tree_any(pred: Callable[[Any], bool], tree: PyTree, is_leaf: Callable[[Any], bool] | None = None) -> bool:
    """Whether pred holds of any leaf."""
    return any(map(pred, tree_leaves(tree, is_leaf)))


def tree_all_only(
    kinds: Any, pred: Callable[[Any], bool], tree: PyTree, is_leaf: Callable[[Any], bool] | None = None
) -> bool:
    """Whether pred holds of all leaves of these types."""
    return all(pred(x) for x in tree_leaves(tree, is_leaf) if isinstance(x, kinds))


def tree_any_only(
    kinds: Any, pred: Callable[[Any], bool], tree: PyTree, is_leaf: Callable[[Any], bool] | None = None
) -> bool:
    """Whether pred holds of any leaf of these types."""
    return any(pred(x) for x in tree_leaves(tree, is_leaf) if isinstance(x, kinds))


def broadcast_prefix(prefix: Any, spec: TreeSpec) -> list[Any] | None:
    """A value for each leaf of a shape, from a tree that may stop short of its leaves; None where they do not fit."""
    if spec.is_leaf():
        return [prefix] if _type_of(prefix) is None else None
    found = _type_of(prefix)
    if found is None:
        return [prefix] * spec.num_leaves
    if found != spec.type:
        return None
    values, context = _kind(found).flatten_fn(prefix)
    if len(values) != spec.num_children or context != spec.context:
        return None
    out: list[Any] = []
    for value, child in zip(values, spec.children_specs):
        part = broadcast_prefix(value, child)
        if part is None:
            return None
        out += part
    return out


_broadcast_to_and_flatten = broadcast_prefix
