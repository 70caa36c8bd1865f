"""Tensor's fields, the tape and the door.

Every operation that makes, reads or writes tensor memory passes `call`, `call_inplace`
or one of their short forms `unary` and `binary`; every backward step passes
`_execute_backward`; every value leaves to Python through `observe`. Each tests one
integer, `_modes`: the number of non-default modes (a chosen backend, a recorder)
active in any thread, and what records tests `_no_grads`, the number of threads in
no_grad. While they are 0 no thread-local is read.

This file is plain Python. The native wheel compiles it with Cython by the declarations
in `_core.pxd`; the pure one runs it as it is, and the test suite runs both ways.

16-bit floats are computed in float32 and rounded once, by one mechanism for every op and its backward: see
"16-bit floats" below. Kernels that take them as they are come first.

The tape: a tensor made by a tracked op points to a Node; a Node's edges point to the
Nodes (or leaf tensors) its inputs came from. A Node saves arrays, never its own output
tensor, so a graph has no reference cycles and is freed as its last tensor goes.
"""

import os
import threading
from weakref import ref

from numpy import errstate, ndarray, ones

_modes = 0
_no_grads = 0
_devices = 0  # how many GPUs there are, once a tensor was put on one: from then on arrays are asked where they lie
_NO_GRAD, _INFERENCE_MODE, _SEVERAL, _CUSTOM = 1, 2, 3, 4  # how a View was made, where writing to it is not allowed


class ThreadState(threading.local):
    """The modes of one thread; read only while `_modes`, or `_no_grads` for grad_enabled, is not 0."""

    grad_enabled = True  # set by set_grad_mode
    autocast = (
        None  # inside `with pynn.autocast(...)`: .inputs(op, inputs) converts them, .wrote(arrays) hears of writes
    )
    backend = None  # a Backend chosen by `with pynn.backend(...)`, or None for the default
    recorder = None  # receives what passes the door; tests/recorder.py shows what a recorder must have
    inference = False  # inside inference_mode: what is made now never takes part in a recorded operation
    saved_hooks = ()  # the innermost last: objects with pack(tensor) and unpack(packed), for what backward needs
    anomaly = None  # of detect_anomaly: .made(node), .computed(node, grads), .failed(node, error)
    profiler = None  # .takes(op): whether it runs the call, as .run(door, op, inputs, attrs); .begin(name) and .end() of a backward step
    draws = None  # inside vmap: .drawing(generator) before an op draws random numbers; .more while samples follow
    device = None  # where `made` puts arrays: the default device, or inside an op that of its inputs; None is the CPU


state = ThreadState()


def enter_mode():
    """Count one more non-default mode (but no_grad), in whatever thread."""
    global _modes
    _modes += 1


def leave_mode():
    """Undo one enter_mode."""
    global _modes
    _modes -= 1


def has_modes():
    """Whether any mode but no_grad is in force in any thread."""
    return _modes != 0


def set_devices(count, array_type, backend):
    """Let tensors hold arrays of a GPU, of a type; count: how many GPUs; backend: who computes where none was chosen.

    It counts as a mode, for good: with no GPU in use no array is asked where it lies. Count 0 undoes it.
    """
    global _devices, _device_backend
    if bool(count) != bool(_devices):
        enter_mode() if count else leave_mode()
    _devices = count
    _device_backend = backend
    set_device_array(array_type)


def is_grad_enabled():
    """Whether operations are recorded for backward in this thread."""
    return not _no_grads or state.grad_enabled


def set_grad_mode(mode):
    """Set whether operations are recorded in this thread; returns whether they were."""
    global _no_grads
    before = state.grad_enabled
    if before != mode:
        state.grad_enabled = mode
        _no_grads += -1 if mode else 1
    return before


class Version:
    """Counts the writes to one buffer; shared by a tensor and its views."""

    def __init__(self):
        self.value = 0


class View:
    """How a tensor was made from its base: the view ops in order, and the base's version they were run at.

    kind: 0, or why a recorded write to it is not allowed.
    """

    def __init__(self, base, steps, seen):
        self.base = base
        self.steps = steps
        self.seen = seen
        self.kind = 0


class Like:
    """Shape and dtype of an array that backward needs no values of."""

    def __init__(self, shape, dtype):
        self.shape = shape
        self.dtype = dtype
        self.ndim = len(shape)


class Op:
    """The part of an op's record that the door reads; `pynn.ops.registry` fills it.

    kernel, backward_kernel: the default backend's fast forms, or None. A kernel returns
    None for arguments it does not take; the reference then serves.
    saves, saves_like: (of a variadic op, saves_like is of the first input alone) bit masks of what backward needs (bit 0 the output, bit i + 1
    input i), as arrays or as shape and dtype only.
    saves_each: the part of `saves` that the gradient of each input reads, or None for all of it.
    saves_outputs: of several outputs, the mask of those that backward reads.
    saves_out_if: the place of the attr without which (None) the output is not saved, or -1.
    exact: a bit mask; 1: the op only moves or compares elements, so 16-bit floats need no float32; 2: its gradient too.
    exact_unless: the place of the attr with which (true) it is not exact after all, or -1.
    wide_outputs: of several outputs, the mask of those that stay float32 where the inputs are 16-bit floats.
    """

    def __init__(self, name):
        self.name = name
        self.record = None
        self.reference = None
        self.vjp = None
        self.kernel = None
        self.backward_kernel = None
        self.saves = 0
        self.saves_like = 0
        self.saves_each = None
        self.saves_outputs = -1
        self.saves_out_if = -1
        self.outputs = 1
        self.exact = 0
        self.exact_unless = -1
        self.wide_outputs = 0
        self.pointwise = False  # inputs broadcast against each other
        self.differentiable = True
        self.custom = False  # the op of a user's autograd.Function, whose ctx is attrs[0] of the node
        self.variadic = False  # kernels take the inputs as one list
        self.is_view = False
        self.random = (
            None  # random(arrays, attrs) -> numbers drawn; the door puts (seed, offset) for the generator in attrs[-1]
        )
        self.functional = None  # of an in-place op: the op whose value it writes to input 0
        self.check = None  # check(inputs, attrs) -> inputs: raises on bad ones, casts to one dtype
        self.writes = ()  # of an op for call_writing: which of its runs of inputs it writes
        self.groups = None  # of the same: groups(attrs) -> how many runs of equal length the inputs are

    def __repr__(self):
        return f"<op {self.name}>"

    def __reduce__(self):
        return (_op_by_name, (self.name,))


def _op_by_name(name):
    from pynn.ops.registry import OPS

    return OPS[name].op


class Hooks:
    """What users hung on a node or on a leaf: most have none of this."""

    def __init__(self):
        self.tensor = {}  # id -> hook(grad) of the tensor itself
        self.retain = []  # weak references to the tensors whose .grad is kept
        self.before = {}  # id -> hook(grad_outputs)
        self.after = {}  # id -> hook(grad_inputs, grad_outputs)
        self.accumulated = {}  # id -> hook(leaf), after its .grad was set
        self.metadata = {}
        self.packed = None  # {place in saved: (what pack made of it, unpack)}
        self.release = None  # called when the graph is freed after backward
        self.trace = None  # of detect_anomaly: where the operation was called
        self.accumulator = None  # a weak reference to the leaf's AccumulateGrad


class AccumulateGrad:
    """The end of the tape at a leaf, as users see it: it adds gradients into `variable.grad`."""

    def __init__(self, variable):
        self.variable = variable

    next_functions = ()
    requires_grad = True

    def name(self):
        """The name torch users look for."""
        return "torch::autograd::AccumulateGrad"

    @property
    def metadata(self):
        """A dict of the user's own."""
        return _hooks_of(self.variable).metadata

    def register_hook(self, hook):
        """Call hook(grad_inputs, grad_outputs) after the gradient was accumulated."""
        return METHODS["add_hook"](_hooks_of(self.variable).after, hook)

    def register_prehook(self, hook):
        """Call hook(grad_outputs) before the gradient is accumulated; what it returns replaces it."""
        return METHODS["add_hook"](_hooks_of(self.variable).before, hook)

    def __repr__(self):
        return f"<AccumulateGrad object at {id(self):#x}>"


def accumulator(leaf):
    """The AccumulateGrad of a leaf: the same object as long as someone holds it."""
    hooks = _hooks_of(leaf)
    found = None if hooks.accumulator is None else hooks.accumulator()
    if found is None:
        found = AccumulateGrad(leaf)
        hooks.accumulator = ref(found)
    return found


def _hooks_of(leaf):
    hooks = leaf._hooks
    if hooks is None:
        hooks = leaf._hooks = Hooks()
    return hooks


class Node:
    """One recorded operation: where its inputs came from and what its backward needs."""

    def __init__(self, op, edges, saved, attrs):
        self.op = op
        self.edges = edges
        self.saved = saved
        self.attrs = attrs
        self.needs = 0
        self.shapes = None
        self.versions = None
        self.version_sum = 0
        self.grad = None
        self.deps = 0
        self.mark = 0  # the number of the backward pass that came by last
        self.runs = 0  # the number of the last one that wanted some gradients only and needs this node for them
        self.index = -1
        self.hooks = None
        self.backend = None

    def name(self):
        """The name torch users look for: 'AddBackward0'."""
        return self.op.name + "Backward" if self.op.custom else METHODS["node_name"](self)

    @property
    def __class__(self):
        """A class by the node's name, for users who read `fn.__class__.__name__`; `type(fn)` is Node."""
        return METHODS["class_of_node"](self)

    @property
    def next_functions(self):
        """The edges, as torch gives them: ((node, number of its output), ...); (None, 0) where nothing is tracked."""
        return tuple([_public_edge(edge) for edge in self.edges])

    @property
    def metadata(self):
        """A dict of the user's own."""
        return self.own_hooks().metadata

    @property
    def requires_grad(self):
        """True: what needs no gradient has no node."""
        return True

    def own_hooks(self):
        """The node's Hooks, made when first asked for."""
        if self.hooks is None:
            self.hooks = Hooks()
        return self.hooks

    def register_hook(self, hook):
        """Call hook(grad_inputs, grad_outputs) after the gradients of the inputs are computed.

        What it returns, unless None, replaces grad_inputs. Returns a handle with remove().
        """
        return METHODS["add_hook"](self.own_hooks().after, hook)

    def register_prehook(self, hook):
        """Call hook(grad_outputs) before the gradients of the inputs are computed.

        What it returns, unless None, replaces grad_outputs. Returns a handle with remove().
        """
        return METHODS["add_hook"](self.own_hooks().before, hook)

    def __getattr__(self, name):
        # The node of a custom Function stands for its ctx.
        if not name.startswith("__") and self.op.custom:
            return getattr(self.attrs[0], name)
        raise AttributeError(f"'{self.name()}' object has no attribute '{name}'")

    def __repr__(self):
        return f"<{self.name()} object at {id(self):#x}>"


class Pass:
    """One backward pass under way.

    number: the mark of the nodes it comes by. outer: the pass whose hook or backward began it, or None.
    places: where wanted gradients arrive (`_places`), or None where all leaves are wanted.
    found: the gradients that the caller wants, or None where they go into the leaves' `.grad`.
    pending: {id of a leaf with hooks: [how many gradients are still to come, the sum of those that came]}, or None.
    noted: of a pass inside another, what that one had on nodes both come by: [(node, mark, runs, deps, grad), ...].
    """

    def comes_by(self, tensor):
        """Whether this pass will compute a gradient of the tensor."""
        node = tensor._node
        if node is None:
            return self.pending is not None and id(tensor) in self.pending
        return node.mark == self.number and (self.places is None or node.runs == self.number or id(node) in self.places)


def _new_pass(number, retain, create_graph, outer):
    run = Pass.__new__(Pass)
    run.number = number
    run.retain = retain
    run.create_graph = create_graph
    run.outer = outer
    run.places = None
    run.found = None
    run.pending = None
    run.parts = None
    run.noted = None if outer is None else []
    return run


def _public_edge(edge):
    if edge is None:
        return (None, 0)
    if isinstance(edge, Node):
        return (edge.edges[0], edge.index) if edge.op is PORT else (edge, 0)
    return (accumulator(edge), 0)


# The ops behind Tensor's operators exist before the registry fills them.
ADD = Op("add")
SUB = Op("sub")
MUL = Op("mul")
DIV = Op("div")
NEG = Op("neg")
MATMUL = Op("matmul")
CLONE = Op("clone")
ADD_ = Op("add_")
VIEW_WRITE = Op("view_write")
PORT = Op("port")
SLICE = Op("slice")
SUM_TO_SIZE = Op("sum_to_size")
CAST = Op("cast")
OPERATORS = {
    op.name: op for op in (ADD, SUB, MUL, DIV, NEG, MATMUL, CLONE, ADD_, VIEW_WRITE, PORT, SLICE, SUM_TO_SIZE, CAST)
}

_INFERENCE = Version()  # of every tensor made in inference_mode
_mark = 0
_pass = None  # the innermost backward pass under way
_backward_lock = threading.RLock()
_acquire, _release = _backward_lock.acquire, _backward_lock.release
_one = ones((), dtype="float32")
_float32 = _one.dtype


def _renew_lock():
    """In a forked child: the thread that held the lock may be gone."""
    global _backward_lock, _acquire, _release
    _backward_lock = threading.RLock()
    _acquire, _release = _backward_lock.acquire, _backward_lock.release


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)

_is_fresh = None
_reference_namespace = None
_tensor_namespace = None
_unbroadcast = None
_generator = None
_convert = None
_device_backend = None


def configure(is_fresh, convert, reference_namespace, tensor_namespace, unbroadcast, generator):
    """Hand the core what lives above or beside it (called once, by `pynn`).

    is_fresh(a): whether array a is C-contiguous and nobody's view.
    convert(a, dtype): a copy of array a in another dtype.
    unbroadcast(xp, g, shape): g summed to shape.
    generator: the default source of random numbers.
    """
    global _is_fresh, _convert, _reference_namespace, _tensor_namespace, _unbroadcast, _generator
    _is_fresh = is_fresh
    _convert = convert
    _reference_namespace = reference_namespace
    _tensor_namespace = tensor_namespace
    _unbroadcast = unbroadcast
    _generator = generator


class Tensor:
    """A multi-dimensional array that can record what is done with it.

    Holds a `numpy.ndarray`, on a GPU a `cupy.ndarray`; semantics, names and defaults are PyTorch's. The operators
    stand here, because a compiled class takes them from its body only; every other
    method is hung on the class by the module of `pynn.ops` that has the op's record.

    `Tensor(3, 4)` is uninitialised float32 of that shape; `Tensor([1, 2])` copies data
    as float32. Use `pynn.tensor` to keep the data's own dtype.
    """

    __array_ufunc__ = None  # ndarray + Tensor is Tensor.__radd__'s

    def __init__(self, *args, device=None, **named):
        if self.__class__ is Tensor:  # a subclass's __new__ has taken the data
            if named:
                raise TypeError(f"Tensor() got an unexpected keyword argument {next(iter(named))!r}.")
            _init_fields(self, METHODS["legacy_data"](args))

    def __add__(self, other):
        return binary(ADD, self, other)

    def __radd__(self, other):
        return binary(ADD, self, other)

    def __iadd__(self, other):
        return inplace("add_", self, other)

    def __sub__(self, other):
        if other is True or other is False:
            METHODS["refuse_sub"]((self, other))
        return binary(SUB, self, other)

    def __rsub__(self, other):
        if other is True or other is False:
            METHODS["refuse_sub"]((self, other))
        return binary(SUB, other, self)

    def __isub__(self, other):
        return inplace("sub_", self, other)

    def __mul__(self, other):
        return binary(MUL, self, other)

    def __rmul__(self, other):
        return binary(MUL, self, other)

    def __imul__(self, other):
        return inplace("mul_", self, other)

    def __truediv__(self, other):
        return binary(DIV, self, other)

    def __rtruediv__(self, other):
        return binary(DIV, other, self)

    def __itruediv__(self, other):
        return inplace("div_", self, other)

    def __matmul__(self, other):
        return binary(MATMUL, self, other)

    def __rmatmul__(self, other):
        return binary(MATMUL, other, self)

    def __neg__(self):
        return unary(NEG, self)

    def __pow__(self, other):
        return METHODS["pow"](self, other) if _is_operand(other) else NotImplemented

    def __rpow__(self, other):
        return METHODS["rpow"](self, other) if _is_operand(other) else NotImplemented

    def __ipow__(self, other):
        return inplace("pow_", self, other)

    def __floordiv__(self, other):
        return METHODS["floor_divide"](self, other) if _is_operand(other) else NotImplemented

    def __rfloordiv__(self, other):
        return METHODS["rfloordiv"](self, other) if _is_operand(other) else NotImplemented

    def __ifloordiv__(self, other):
        return inplace("floor_divide_", self, other)

    def __mod__(self, other):
        return METHODS["remainder"](self, other) if _is_operand(other) else NotImplemented

    def __rmod__(self, other):
        return METHODS["rmod"](self, other) if _is_operand(other) else NotImplemented

    def __imod__(self, other):
        return inplace("remainder_", self, other)

    def __and__(self, other):
        return METHODS["bitwise_and"](self, other) if _is_operand(other) else NotImplemented

    def __rand__(self, other):
        return METHODS["bitwise_and"](self, other) if _is_operand(other) else NotImplemented

    def __iand__(self, other):
        return METHODS["bitwise_and_"](self, other)

    def __or__(self, other):
        return METHODS["bitwise_or"](self, other) if _is_operand(other) else NotImplemented

    def __ror__(self, other):
        return METHODS["bitwise_or"](self, other) if _is_operand(other) else NotImplemented

    def __ior__(self, other):
        return METHODS["bitwise_or_"](self, other)

    def __xor__(self, other):
        return METHODS["bitwise_xor"](self, other) if _is_operand(other) else NotImplemented

    def __rxor__(self, other):
        return METHODS["bitwise_xor"](self, other) if _is_operand(other) else NotImplemented

    def __ixor__(self, other):
        return METHODS["bitwise_xor_"](self, other)

    def __lshift__(self, other):
        return METHODS["bitwise_left_shift"](self, other) if _is_operand(other) else NotImplemented

    def __rlshift__(self, other):
        return METHODS["bitwise_left_shift"](other, self)

    def __ilshift__(self, other):
        return METHODS["bitwise_left_shift_"](self, other)

    def __rshift__(self, other):
        return METHODS["bitwise_right_shift"](self, other) if _is_operand(other) else NotImplemented

    def __rrshift__(self, other):
        return METHODS["bitwise_right_shift"](other, self)

    def __irshift__(self, other):
        return METHODS["bitwise_right_shift_"](self, other)

    def __lt__(self, other):
        return METHODS["lt"](self, other) if _is_operand(other) else NotImplemented

    def __le__(self, other):
        return METHODS["le"](self, other) if _is_operand(other) else NotImplemented

    def __gt__(self, other):
        return METHODS["gt"](self, other) if _is_operand(other) else NotImplemented

    def __ge__(self, other):
        return METHODS["ge"](self, other) if _is_operand(other) else NotImplemented

    def __eq__(self, other):
        return METHODS["eq"](self, other) if _is_operand(other) else NotImplemented

    def __ne__(self, other):
        return METHODS["ne"](self, other) if _is_operand(other) else NotImplemented

    def __getitem__(self, index):
        return METHODS["getitem"](self, index)

    def __contains__(self, value):
        return METHODS["contains"](self, value)

    def __pos__(self):
        return METHODS["positive"](self)

    def __abs__(self):
        return METHODS["abs"](self)

    def __invert__(self):
        return METHODS["bitwise_not"](self)

    def __len__(self):
        return METHODS["len"](self)

    def __iter__(self):
        return METHODS["iter"](self)

    def __bool__(self):
        return METHODS["to_bool"](self)

    def __float__(self):
        return METHODS["to_float"](self)

    def __int__(self):
        return METHODS["to_int"](self)

    def __index__(self):
        return METHODS["to_index"](self)

    def __repr__(self):
        return METHODS["repr"](self)

    def __setitem__(self, index, value):
        METHODS["setitem"](self, index, value)

    def __delitem__(self, index):
        raise TypeError("Tensor does not support deleting items")

    def __hash__(self):
        return id(self)

    def __format__(self, spec):
        return METHODS["format"](self, spec)

    def __array__(self, dtype=None, copy=None):
        return METHODS["to_array"](self, dtype, copy)

    def __reduce_ex__(self, protocol):
        return METHODS["reduce"](self)

    def __deepcopy__(self, memo):
        return METHODS["deepcopy"](self, memo)

    # Fields that autograd users see.
    @property
    def requires_grad(self):
        """Whether operations on this tensor are recorded for backward."""
        return _is_tracked(self)

    @requires_grad.setter
    def requires_grad(self, value):
        METHODS["set_requires_grad"](self, value)

    @property
    def grad(self):
        """The gradient that backward accumulated here, or None."""
        if self._grad is None and self._node is not None:
            METHODS["expect_no_grad"](self)
        return self._grad

    @grad.setter
    def grad(self, value):
        METHODS["set_grad"](self, value)

    @grad.deleter
    def grad(self):
        METHODS["set_grad"](self, None)

    @property
    def grad_fn(self):
        """The Node that made this tensor, or None for a leaf."""
        if self._view is not None:
            _refresh(self)
        node = self._node
        return node.edges[0] if node is not None and node.op is PORT else node

    @property
    def output_nr(self):
        """Which output of its grad_fn this tensor is."""
        node = self._node
        return node.index if node is not None and node.op is PORT else 0

    @property
    def _version(self):
        """How many in-place writes this tensor's memory has had since someone first asked, saved or viewed it."""
        if self._writes is _INFERENCE:
            raise RuntimeError("Inference tensors do not track version counter.")
        return _version_of(self).value

    @_version.setter
    def _version(self, value):
        self._writes = value

    @property
    def is_leaf(self):
        """Whether the user made this tensor, rather than a recorded operation."""
        return self.grad_fn is None


if __file__.endswith(".py"):  # not compiled: what _core.pxd has of C
    from pynn import _interpreted

    globals().update(_interpreted.names(globals()))

METHODS = {}  # what Tensor's operators call; filled by pynn.ops


def _init_fields(tensor, array):
    tensor._array = array
    tensor._grad = None
    tensor._node = None
    tensor._tracked = False
    tensor._writes = None
    tensor._view = None
    tensor._hooks = None
    return tensor


def _example_tensor():
    return _init_fields(Tensor.__new__(Tensor), None)


prepare_blanks(_example_tensor(), Node(None, None, None, None), Version(), ndarray)


def on_device(array):
    """Whether an array is a GPU's."""
    return is_device_array(array)


def has_devices():
    """Whether a tensor was ever put on a GPU."""
    return _devices != 0


def holds(array):
    """Whether something is an array that tensors can hold: NumPy's, or a GPU's."""
    return is_array(array)


def set_fields(tensor, array):
    """Make an object that `Tensor.__new__` has just made a leaf over `array`."""
    _init_fields(tensor, array)


def wrap(array):
    """A new leaf Tensor over `array` (an ndarray; not copied)."""
    tensor = blank_tensor()
    tensor._array = array
    return tensor


def alike(x, y):
    """Whether both are Tensors, and of one shape."""
    return isinstance(x, Tensor) and isinstance(y, Tensor) and equal_shapes(_array_of(x), _array_of(y))


def made(array):
    """`wrap` for an array that Python has just computed, of no tensor's values: zeros, a range, a copy of data.

    A recorder notes its values, so that a replay can make it anew. An array that exists
    already (a caller's own) is wrapped without.
    """
    if _modes:
        if state.recorder is not None:
            state.recorder.made(array)
        if state.device is not None:
            array = METHODS["place"](array, state.device)
        if state.inference:
            tensor = wrap(array)
            tensor._writes = _INFERENCE
            return tensor
    return wrap(array)


def made_beside(x, array):
    """`made`, on the device of a tensor."""
    if not _devices:
        return made(array)
    before = state.device
    state.device = METHODS["device_of"]((x._array,))
    try:
        return made(array)
    finally:
        state.device = before


def wrap_as(cls, array, requires_grad=False):
    """The same for a subclass of Tensor."""
    tensor = _init_fields(Tensor.__new__(cls), array)
    tensor._tracked = requires_grad
    return tensor


# ---- the door ----


def unary(op, x):
    """`call(op, (x,))`, short for the commonest case: a kernel, no mode, no view. TypeError for what is no Tensor."""
    if not isinstance(x, Tensor):
        raise TypeError(f"{op.name}(): argument 'input' (position 1) must be Tensor, not {type(x).__name__}.")
    tensor = x
    if _modes == 0 and op.kernel is not None and tensor._view is None:
        array = tensor._array
        out = invoke_1(op.kernel, array)
        if out is not None:
            result = wrap(out)
            if tensor._tracked and op.differentiable and (not _no_grads or state.grad_enabled):
                _track_short(op, result, out, tensor, array, None, None)
            return result
    return call(op, (x,))


def binary(op, x, y):
    """`call(op, (x, y))`, short for two tensors or a tensor and a number."""
    if _modes == 0 and op.kernel is not None and isinstance(x, Tensor):
        left = x
        if left._view is None:
            if isinstance(y, Tensor):
                right = y
                if right._view is None:
                    out = invoke_2(op.kernel, left._array, right._array)
                    if out is not None:
                        result = wrap(out)
                        tracked = (left._tracked or right._tracked) and op.differentiable
                        if tracked and (not _no_grads or state.grad_enabled):
                            _track_short(op, result, out, left, left._array, right, right._array)
                        return result
            elif isinstance(y, (float, int)):
                out = invoke_2(op.kernel, left._array, y)
                if out is not None:
                    result = wrap(out)
                    if left._tracked and op.differentiable and (not _no_grads or state.grad_enabled):
                        _track_short(op, result, out, left, left._array, None, y)
                    return result
    if not _is_operand(x) or not _is_operand(y):
        return NotImplemented
    return call(op, (x, y))


def _is_operand(x):
    return isinstance(x, (Tensor, float, int, complex, ndarray)) or hasattr(x, "dtype")


def call(op, inputs, attrs=()):
    """Run an op on tensors: the one way to make, read or write tensor memory.

    inputs: Tensors, Python numbers or None, as the op's reference takes them.
    attrs: the remaining arguments, already in the record's canonical form.
    Returns a Tensor, or a tuple of them for an op with several outputs.
    """
    if _modes:
        if state.profiler is not None and state.profiler.takes(op):
            return state.profiler.run(call, op, inputs, attrs)
        if state.autocast is not None:
            inputs = state.autocast.inputs(op, inputs)
    tracked = op.differentiable and _any_tracked(inputs)
    composed = tracked and op.vjp is None
    arrays = _arrays(inputs)
    if _devices and _is_mixed(arrays):
        inputs = METHODS["settle"](op, inputs)
        arrays = _arrays(inputs)
    if op.random is not None:
        attrs = _draw(op, arrays, attrs)
    out = None
    if not composed:
        out = _run_kernel(op, arrays, attrs)
    if out is None:
        if op.check is not None:
            checked = op.check(inputs, attrs)
            if checked is not inputs:
                inputs = checked
                arrays = _arrays(inputs)
                if not composed:
                    out = _run_kernel(op, arrays, attrs)
        if out is None and tracked and _needs_tensors(op, arrays, composed):
            return _call_wide(op, inputs, attrs)
        if composed:
            return _composed(op, inputs, arrays, attrs)
        if out is None:
            out = _run_reference(op, arrays, attrs)
    if op.outputs != 1:
        return _wrap_several(op, out, inputs, arrays, attrs, tracked)
    result = wrap(out)
    if tracked and is_floating(out):
        edges = _edges(inputs)
        saves = _saves(op, edges, attrs)
        node = _new_node(op, edges, _save(op, saves, out, arrays), attrs)
        _attach(node, saves, result, inputs, arrays, out)
        result._node = node
        result._tracked = True
        if _modes:
            _noted(node)
    if op.is_view:
        _attach_view(op, result, inputs[0], attrs)
    elif _modes and state.inference:
        result._writes = _INFERENCE
    return result


def _composed(op, inputs, arrays, attrs):
    """A composite's reference over Tensors; what it makes on the way lies where its inputs do."""
    if not _devices:
        return op.reference(_tensor_namespace, *inputs, *attrs)
    before = state.device
    state.device = METHODS["device_of"](arrays)
    try:
        return op.reference(_tensor_namespace, *inputs, *attrs)
    finally:
        state.device = before


def _is_mixed(arrays):
    """Whether arrays lie on two devices, or on one of several GPUs and are to be looked at more closely."""
    here, there = False, False
    for array in arrays:
        if is_device_array(array):
            there = True
        elif is_array(array):
            here = True
    return there and (here or _devices > 1)


def _array_or_value(x):
    return _array_of(x) if isinstance(x, Tensor) else x


def _arrays(inputs):
    count = len(inputs)  # the commonest ones without a list
    if count == 1:
        return (_array_or_value(inputs[0]),)
    if count == 2:
        return (_array_or_value(inputs[0]), _array_or_value(inputs[1]))
    if count == 3:
        return (_array_or_value(inputs[0]), _array_or_value(inputs[1]), _array_or_value(inputs[2]))
    return tuple([_array_or_value(x) for x in inputs])


def _array_of(x):
    return x._array


def _any_tracked(inputs):
    if _no_grads and not state.grad_enabled:
        return False
    for x in inputs:  # noqa: SIM110  (a generator costs more than all of this)
        if isinstance(x, Tensor) and _is_tracked(x):
            return True
    return False


def _is_tracked(x):
    if x._view is not None:
        _refresh(x)
    return x._tracked


def is_floating(array):
    """Whether an array's dtype can carry a gradient (NumPy calls bfloat16's kind 'V')."""
    return has_dtype(array, _float32) or array.dtype.kind in "fV"


def _draw(op, arrays, attrs):
    """Replace the generator in attrs[-1] by the (seed, offset) of the numbers this call draws."""
    generator = attrs[-1]
    if generator is None:
        generator = _generator
    count = op.random(arrays, attrs)
    if _modes and state.draws is not None:
        state.draws.drawing(generator)
    place = generator.reserve(count)
    if _modes and state.recorder is not None:
        state.recorder.draw(generator, count, place)
    return attrs[:-1] + (place,)


def _backend_of(arrays):
    """The backend that serves arrays in this thread; None for the CPU's default one."""
    chosen = state.backend
    if not _devices:
        return chosen
    if _on_device(arrays):
        return chosen if chosen is not None and chosen.device != "cpu" else _device_backend
    return chosen if chosen is None or chosen.device == "cpu" else None


def _on_device(arrays):
    """Whether any of the arrays is a GPU's; with none among them, whether new ones would be."""
    anything = False
    for array in arrays:
        if is_device_array(array):
            return True
        if is_array(array):
            anything = True
    return not anything and state.device is not None and state.device.type != "cpu"


def chosen_kernel(op, arrays):
    """The kernel of an op on the backend that serves these arrays in this thread, or None."""
    backend = _backend_of(arrays) if _modes else None
    return op.kernel if backend is None else backend.kernel(op.name)


def _run_kernel(op, arrays, attrs):
    """The backend's kernel on arrays; None when there is none or it does not take these arguments."""
    kernel = op.kernel if not _modes else chosen_kernel(op, arrays)
    if kernel is None:
        return None
    if _devices > 1:
        out = _run_on_its_device(op, kernel, arrays, attrs)
    else:
        out = invoke_on_list(kernel, arrays, attrs) if op.variadic else invoke(kernel, arrays, attrs)
    if out is not None and _modes and state.recorder is not None:
        state.recorder.forward(op, arrays, attrs, out)
    return out


def _run_on_its_device(op, kernel, arrays, attrs):
    """A kernel, or without one the reference, with the GPU that arrays lie on as the one in use."""
    before = METHODS["use_device_of"](arrays)
    try:
        if kernel is None:
            return _reference_here(op, arrays, attrs)
        return invoke_on_list(kernel, arrays, attrs) if op.variadic else invoke(kernel, arrays, attrs)
    finally:
        METHODS["use_device"](before)


def _run_reference(op, arrays, attrs):
    if _needs_wide(op, arrays, attrs):
        out = compute_wide(op, arrays, attrs)
    else:
        out = _reference(op, arrays, attrs)
    if _modes and state.recorder is not None:
        state.recorder.forward(op, arrays, attrs, out)
    return out


def _reference(op, arrays, attrs):
    return _reference_here(op, arrays, attrs) if _devices <= 1 else _run_on_its_device(op, None, arrays, attrs)


def _reference_here(op, arrays, attrs):
    backend = _backend_of(arrays) if _modes else None
    xp = _reference_namespace if backend is None else backend.namespace
    with errstate(all="ignore"):
        try:
            if op.variadic:
                out = op.reference(xp, arrays, *attrs)
            else:
                out = op.reference(xp, *arrays, *attrs)
        except ValueError as error:
            _reword(op, arrays, error)
            raise
        except MemoryError as error:
            if _devices:
                METHODS["out_of_memory"](op.name, error)
            raise
    if isinstance(out, tuple):
        out = tuple([o if is_array(o) else xp.asarray(o) for o in out])
    elif not is_array(out):
        out = xp.asarray(out)  # NumPy gives scalars for 0-d results; tensors hold arrays
    return out


def _reword(op, arrays, error):
    """Raise NumPy's complaints about shapes and read-only memory as what torch raises: RuntimeError."""
    text = str(error)
    shapes = ", ".join([str(list(a.shape)) for a in arrays if is_array(a)])
    if "read-only" in text:
        target = arrays[0]
        if isinstance(target, ndarray) and 0 in target.strides:
            raise RuntimeError(
                "unsupported operation: more than one element of the written-to tensor refers to a single memory "
                f"location. Please clone() the tensor before performing the operation ({op.name}, shape "
                f"{list(target.shape)}, expanded)."
            ) from error
        raise RuntimeError(
            f"{op.name} cannot write: the tensor's memory is read-only, as the array it was made from. Use .clone() first."
        ) from error
    if "broadcast" in text:
        raise RuntimeError(f"{op.name}: the shapes {shapes} do not fit together: {text}") from error


# ---- 16-bit floats: computed in float32, rounded once ----


def is_half(dtype):
    """Whether a NumPy dtype is float16 or bfloat16."""
    return dtype.itemsize == 2 and dtype.kind in "fV"


def _half_in(values):
    """The 16-bit float dtype among arrays (in tuples too), or what else has a dtype; None where there is none."""
    for value in values:
        if isinstance(value, (tuple, list)):
            found = _half_in(value)
            if found is not None:
                return found
        elif (is_array(value) or isinstance(value, Like)) and is_half(value.dtype):
            return value.dtype
        elif isinstance(value, Tensor) and is_half(value._array.dtype):
            return value._array.dtype
    return None


def _needs_wide(op, arrays, attrs):
    exact = op.exact & 1
    if exact and op.exact_unless >= 0 and attrs[op.exact_unless]:
        exact = 0
    return not exact and _half_in(arrays) is not None


def _needs_tensors(op, arrays, composed):
    """Whether a tracked op on 16-bit floats is to be recorded between conversions of its inputs and its output.

    So is a composite, whose steps would each be rounded, and an op of several float dtypes, whose gradients differ in dtype.
    """
    if op.exact & 1:
        return False
    half = _half_in(arrays)
    if half is None:
        return False
    return composed or any([is_array(a) and is_floating(a) and a.dtype != half for a in arrays])  # noqa: C419  (a generator costs more)


def _call_wide(op, inputs, attrs):
    dtype = _result_dtype(_arrays(inputs))
    autocast = state.autocast if _modes else None
    if autocast is not None:
        state.autocast = None  # it chose this op's dtype already
    try:
        out = call(op, tuple([_widen_tensor(x) for x in inputs]), attrs)
    finally:
        if autocast is not None:
            state.autocast = autocast
    if isinstance(out, tuple):
        return tuple([o if op.wide_outputs >> i & 1 else _narrow_tensor(o, dtype) for i, o in enumerate(out)])
    return _narrow_tensor(out, dtype)


def _widen_tensor(x):
    return call(CAST, (x,), (_float32,)) if isinstance(x, Tensor) and is_half(x._array.dtype) else x


def _narrow_tensor(x, dtype):
    return call(CAST, (x,), (dtype,)) if is_floating(x._array) and x._array.dtype != dtype else x


def _result_dtype(arrays):
    """The dtype that an op on several float dtypes returns: that of its first float input."""
    for array in arrays:
        if is_array(array) and is_floating(array):
            return array.dtype
    return None


def _widened(value):
    """A value with the 16-bit floats in it as float32: an array, its Like, or a tuple of them."""
    if is_array(value):
        return _converted(value, _float32) if is_half(value.dtype) else value
    if isinstance(value, Like):
        return Like(value.shape, _float32) if is_half(value.dtype) else value
    if isinstance(value, (tuple, list)):
        return tuple([_widened(v) for v in value])
    return value


def _narrowed(array, dtype):
    if array is None or not is_floating(array) or array.dtype == dtype:
        return array
    return _converted(array, dtype)


def _converted(array, dtype):
    return array.astype(dtype) if is_device_array(array) else _convert(array, dtype)


def compute_wide(op, arrays, attrs):
    """An op on arrays with 16-bit floats among them: kernel or reference in float32, its results and writes rounded."""
    wide = _widened(arrays)
    kernel = chosen_kernel(op, arrays)
    out = None
    if kernel is not None:
        out = kernel(wide, *attrs) if op.variadic else kernel(*wide, *attrs)
    if out is None:
        out = _reference(op, wide, attrs)
    for i in _written(op, arrays, attrs):
        if wide[i] is not arrays[i]:
            arrays[i][...] = _converted(wide[i], arrays[i].dtype)
            if out is wide[i]:
                out = arrays[i]
    dtype = _result_dtype(arrays)
    if isinstance(out, tuple):
        return tuple([o if op.wide_outputs >> i & 1 else _narrowed(o, dtype) for i, o in enumerate(out)])
    return _narrowed(out, dtype)


def compute_on_host(op, arrays, attrs):
    """An op on the CPU's arrays: its default backend's kernel, else the reference. For backends that lack the op."""
    out = None
    if op.kernel is not None:
        out = op.kernel(arrays, *attrs) if op.variadic else op.kernel(*arrays, *attrs)
    return _run_reference(op, arrays, attrs) if out is None else out


def written_places(op, arrays, attrs):
    """The places of the inputs that an op writes."""
    return _written(op, arrays, attrs)


def backward_on_host(op, grad, saved, attrs, needs):
    """One backward step on the CPU's arrays by the vjp."""
    node = _new_node(op, (), saved, attrs)
    node.needs = needs
    return _run_vjp(node, grad, saved)


def _written(op, arrays, attrs):
    """The places of the inputs that an op writes."""
    if op.groups is None:
        return op.record.effects.writes
    count = len(arrays) // op.groups(attrs)
    return [group * count + i for group in op.writes if group * count < len(arrays) for i in range(count)]


# ---- recording ----


def _edge(x):
    if not isinstance(x, Tensor):
        return None
    tensor = x
    if tensor._node is not None:
        return tensor._node
    return tensor if tensor._tracked else None


def _edges(inputs):
    count = len(inputs)
    if count == 1:
        return (_edge(inputs[0]),)
    if count == 2:
        return (_edge(inputs[0]), _edge(inputs[1]))
    if count == 3:
        return (_edge(inputs[0]), _edge(inputs[1]), _edge(inputs[2]))
    return tuple([_edge(x) for x in inputs])


def _new_node(op, edges, saved, attrs):
    node = blank_node()
    node.op = op
    node.edges = edges
    node.saved = saved
    node.attrs = attrs
    needs = 0
    bit = 1
    for edge in edges:
        if edge is not None:
            needs |= bit
        bit += bit
    node.needs = needs
    return node


def _saves_of(each, edges):
    saves = 0
    for i in range(len(edges)):
        if edges[i] is not None:
            saves |= each[i]
    return saves


def _saves(op, edges, attrs):
    """The mask of what backward will read, knowing which inputs need a gradient."""
    each = op.saves_each
    saves = op.saves
    if each is not None:
        for edge in edges:
            if edge is None:
                saves = _saves_of(each, edges)
                break
    if op.saves_out_if >= 0 and attrs[op.saves_out_if] is None:
        saves &= ~1
    return saves


def _kept(array, saves, likes, bit):
    if saves & bit or not is_array(array):
        return array
    return Like(array.shape, array.dtype) if likes & bit else None


def _save(op, saves, out, arrays):
    """(output, input 0, input 1, ...) with None for what backward does not read; numbers are always kept."""
    likes = op.saves_like
    if saves == 0 and likes == 0:
        return ()
    first = _kept(out, saves, likes, 1)
    if not op.variadic:
        count = len(arrays)
        if count == 1:
            return (first, _kept(arrays[0], saves, likes, 2))
        if count == 2:
            return (first, _kept(arrays[0], saves, likes, 2), _kept(arrays[1], saves, likes, 4))
        if count == 3:
            return (
                first,
                _kept(arrays[0], saves, likes, 2),
                _kept(arrays[1], saves, likes, 4),
                _kept(arrays[2], saves, likes, 8),
            )
    saved = [first]
    bit = 2
    for array in arrays:
        if op.variadic and likes & 2 and len(saved) == 1 and is_array(array):
            saved.append(Like(array.shape, array.dtype))
        else:
            saved.append(_kept(array, saves, likes, bit))
        if not op.variadic:
            bit += bit
    return tuple(saved)


def _version_of(x):
    version = x._writes
    if version is None:
        version = blank_version()
        x._writes = version
    return version


def _saved_version(x):
    """The counter of a tensor that backward will read."""
    version = x._writes
    if version is None:
        version = blank_version()
        x._writes = version
    elif version is _INFERENCE:
        raise RuntimeError(
            "Inference tensors cannot be saved for backward. Please do not use Tensors created in inference mode in "
            "computation tracked by autograd. To work around this, you can make a clone to get a normal tensor and use "
            "it in autograd, or use `pynn.no_grad()` instead of `pynn.inference_mode()`."
        )
    return version


def _noted(node):
    """Tell the modes of this thread of a new node."""
    if state.saved_hooks:
        pack_saved(node)
    if state.anomaly is not None:
        state.anomaly.made(node)


def pack_saved(node):
    """Put what the innermost saved_tensors_hooks make of them in the place of the arrays that a node saved."""
    hooks = state.saved_hooks[-1]
    saved = list(node.saved)
    packed = {}
    for i, value in enumerate(saved):
        if is_array(value):
            edge = node.edges[i - 1] if 0 < i <= len(node.edges) else None
            leaf = edge if isinstance(edge, Tensor) and edge._array is value else None
            packed[i] = (_pack(hooks, value, leaf), hooks)
            saved[i] = None
        elif isinstance(value, tuple):
            for j, part in enumerate(value):
                if is_array(part):
                    packed[(i, j)] = (_pack(hooks, part, None), hooks)
            saved[i] = (None,) * len(value)
    if packed:
        node.saved = tuple(saved)
        node.versions = None  # writes cannot be followed through the hooks
        node.version_sum = 0
        node.own_hooks().packed = packed


def _pack(hooks, array, leaf):
    """pack of one array, or of the leaf that holds it, with nothing recorded meanwhile."""
    enabled = set_grad_mode(False)
    try:
        return hooks.pack(wrap(array) if leaf is None else leaf)
    finally:
        set_grad_mode(enabled)


def _unpack(hooks, packed):
    """The array that a packed value stands for."""
    tensor = hooks.unpack(packed)
    if not isinstance(tensor, Tensor):
        raise TypeError(
            f"Output of saved tensor unpack_hook expected to be a Tensor but got result of type {type(tensor)}"
        )
    return tensor._array


def _unpacked(node):
    """The node's saved values with what was packed put back."""
    saved = list(node.saved)
    for place, (packed, hooks) in node.hooks.packed.items():
        array = _unpack(hooks, packed)
        if isinstance(place, tuple):
            i, j = place
            saved[i] = saved[i][:j] + (array,) + saved[i][j + 1 :]
        else:
            saved[place] = array
    return tuple(saved)


def _input_version(x):
    """The counter of an input that backward will read, None where it is no tensor."""
    return _saved_version(x) if isinstance(x, Tensor) else None


def _attach(node, saves, result, inputs, arrays, out):
    """Note the versions of what the node saved and, if inputs were broadcast, their shapes."""
    op = node.op
    if saves and len(inputs) <= 3 and not op.variadic:
        version, second, third = None, None, None
        count = len(inputs)
        total = 0
        own = None
        if saves & 1:
            own = _saved_version(result)
            total += own.value
        if saves & 2:
            version = _input_version(inputs[0])
            if version is not None:
                total += version.value
        if saves & 4 and count > 1:
            second = _input_version(inputs[1])
            if second is not None:
                total += second.value
        if saves & 8 and count > 2:
            third = _input_version(inputs[2])
            if third is not None:
                total += third.value
        if own is not None or version is not None or second is not None or third is not None:
            node.versions = (own, version, second, third)
            node.version_sum = total
    elif saves:
        versions = []
        total = 0
        if saves & 1:
            version = _saved_version(result)
            versions.append(version)
            total += version.value
        bit = 2
        for x in inputs:
            if op.variadic and op.saves_like & 2 and x is inputs[0]:
                continue
            if saves & bit and isinstance(x, Tensor):
                version = _saved_version(x)
                versions.append(version)
                total += version.value
            if not op.variadic:
                bit += bit
        if versions:
            node.versions = tuple(versions)
            node.version_sum = total
    if op.pointwise:
        for array in arrays:
            if is_array(array) and not equal_shapes(array, out):
                node.shapes = tuple([a.shape if is_array(a) else None for a in arrays])
                break
    if _modes:
        node.backend = _backend_of(arrays)


def _track_short(op, result, out, x, a, y, b):
    """_save and _attach for one tensor, or for two tensors or a tensor and a number."""
    two = b is not None
    version = None
    other = None
    total = 0
    edge_x = x._node if x._node is not None else (x if x._tracked else None)
    if two:
        edge_y = None
        if y is not None:
            edge_y = y._node if y._node is not None else (y if y._tracked else None)
        edges = (edge_x, edge_y)
    else:
        edges = (edge_x,)
    saves = _saves(op, edges, ())
    if saves or op.saves_like:
        if op.saves_like & ~saves:
            saved = _save(op, saves, out, (a, b) if two else (a,))
        elif two:
            saved = (
                out if saves & 1 else None,
                a if saves & 2 else None,
                b if saves & 4 or y is None else None,
            )
        else:
            saved = (out if saves & 1 else None, a if saves & 2 else None)
    else:
        saved = ()
    node = _new_node(op, edges, saved, ())
    if saves:
        if saves & 1:
            version = _saved_version(result)
            total += version.value
        if saves & 2:
            other = _saved_version(x)
            total += other.value
        if saves & 4 and y is not None:
            third = _saved_version(y)
            total += third.value
            node.versions = (version, other, third)
        elif saves & 3:
            node.versions = (version, other)
        node.version_sum = total
    if op.pointwise and y is not None and not (equal_shapes(a, out) and equal_shapes(b, out)):
        node.shapes = (a.shape, b.shape)
    result._node = node
    result._tracked = True


def _wrap_several(op, out, inputs, arrays, attrs, tracked):
    """Tensors for an op with several outputs: each hangs on the node by a port of its own."""
    results = [wrap(o) for o in out]
    if tracked:
        edges = _edges(inputs)
        saves = _saves(op, edges, attrs)
        node = _new_node(op, edges, _save_several(op, saves, out, arrays), attrs)
        _attach(node, saves & ~1, results[0], inputs, arrays, out[0])
        if saves & 1:
            versions = [_saved_version(r) for i, r in enumerate(results) if op.saves_outputs >> i & 1]
            node.versions = tuple(versions) if node.versions is None else node.versions + tuple(versions)
        node.index = len(out)
        for i in range(len(out)):
            if is_floating(out[i]):
                results[i]._node = _port(node, i)
                results[i]._tracked = True
        if _modes:
            _noted(node)
    if _modes and state.inference:
        for result in results:
            result._writes = _INFERENCE
    return tuple(results)


def _port(node, i):
    """A node that hands the gradient of output i to the node of an op with several."""
    port = _new_node(PORT, (node,), (), ())
    port.index = i
    return port


def _save_several(op, saves, out, arrays):
    saved = _save(op, saves, out[0], arrays)
    if saves & 1:
        saved = (tuple([o if op.saves_outputs >> i & 1 else None for i, o in enumerate(out)]),) + saved[1:]
    return saved


# ---- views and in-place ----


def _attach_view(op, result, x, attrs):
    """Make `result` a view of x's base; from here on they share one version."""
    version = _version_of(x)
    result._writes = version
    view = x._view
    if view is not None:
        result._view = View(view.base, view.steps + ((op, attrs),), version.value)
        result._view.kind = view.kind
    else:
        result._view = View(x, ((op, attrs),), version.value)
    if _no_grads and not state.grad_enabled:
        if result._view.kind == 0:
            result._view.kind = _INFERENCE_MODE if state.inference else _NO_GRAD
        if not state.inference:
            result._tracked = x._tracked  # a leaf of its own, which says so: as in torch


def _refresh(x):
    """Give a view the history its base has now, if the base was written since the view was made."""
    view = x._view
    version = x._writes
    if view.seen == version.value or view.kind == _CUSTOM:
        return
    view.seen = version.value
    base = view.base
    if base._view is not None:  # reshaped in place since: what it was is now the base of both
        base = view.base = base._view.base
    if not base._tracked or base._node is None:
        return  # an untracked base has no history; a leaf's views keep the one they have
    enabled = True
    if _no_grads:
        enabled = state.grad_enabled
        state.grad_enabled = True  # the base has its history, whatever the mode now
    try:
        again = base
        for op, attrs in view.steps:
            again = call(op, (again,), attrs)
    finally:
        if not enabled:
            state.grad_enabled = False
    x._node = again._node
    x._tracked = again._tracked


def inplace(name, x, other):
    """`x += other` by the method called name; NotImplemented for what is no operand."""
    return METHODS[name](x, other) if _is_operand(other) else NotImplemented


def _write_short(op, x, y):
    """call_inplace(op, (x, y)) for the commonest case; False, with nothing done, for any other.

    That is a pointwise op on a float32 tensor and another of the same shape, or a number, with nothing to record: there
    is nothing to check or to convert.
    """
    if x._view is not None or x._writes is _INFERENCE or not has_dtype(x._array, _float32):
        return False
    if op.kernel is None or op.functional is None or not op.functional.pointwise:
        return False
    recording = not _no_grads or state.grad_enabled
    if recording and x._tracked:
        return False
    if isinstance(y, Tensor):
        other = y
        array = other._array
        if other._view is not None or (recording and other._tracked):
            return False
        if not has_dtype(array, _float32) or not equal_shapes(array, x._array):
            return False
        if invoke_2(op.kernel, x._array, array) is None:
            return False
    elif (type(y) is not float and type(y) is not int) or invoke_2(op.kernel, x._array, y) is None:
        return False
    _wrote(_version_of(x))
    return True


def call_inplace(op, inputs, attrs=()):
    """Run an in-place op, which writes input 0, and rewrite the history of it and of its base.

    Raises RuntimeError for a leaf that requires grad, or a view of one, while grad is enabled.
    """
    if _modes == 0 and len(inputs) == 2 and not attrs and _write_short(op, inputs[0], inputs[1]):
        return inputs[0]
    if _modes and state.profiler is not None and state.profiler.takes(op):
        return state.profiler.run(call_inplace, op, inputs, attrs)
    target = inputs[0]
    functional = op.functional
    recording = is_grad_enabled()
    tracked = recording and _any_tracked(inputs)
    if recording:
        _forbid_leaf(target)
    if target._writes is _INFERENCE:
        forbid_inference()
    elif recording and target._view is not None and target._view.kind != 0 and (tracked or target._view.base._tracked):
        forbid_view(target)
    array = target._array
    if tracked and functional.saves & 2:
        # Backward reads the old value: keep a copy, for this one is about to be overwritten.
        old = _run_kernel(CLONE, (array,), ())
        inputs = (wrap(_run_reference(CLONE, (array,), ()) if old is None else old),) + inputs[1:]
        arrays = (inputs[0]._array,) + _arrays(inputs[1:])
        edges = (_edge(target),) + _edges(inputs[1:])
    else:
        arrays = (array,) + _arrays(inputs[1:])
        edges = _edges(inputs)
    if _devices and _is_mixed(arrays):
        inputs = METHODS["settle"](op, inputs)
        arrays = arrays[:1] + _arrays(inputs[1:])
        edges = edges[:1] + _edges(inputs[1:])
    if op.check is not None:
        inputs = inputs[:1] + op.check((target,) + inputs[1:], attrs)[1:]
        arrays = arrays[:1] + _arrays(inputs[1:])
        edges = edges[:1] + _edges(inputs[1:])
    if op.random is not None:
        attrs = _draw(op, arrays, attrs)
    written = (array,) + arrays[1:]
    if _run_kernel(op, written, attrs) is None:
        # kernels take no arrays that overlap in part, and none that is read-only
        _run_reference(op, METHODS["ready_to_write"](op, written), attrs)
    if _modes and state.autocast is not None:
        state.autocast.wrote((array,))
    version = _version_of(target)
    view = target._view
    if tracked:
        saves = _saves(functional, edges, attrs)
        node = _new_node(functional, edges, _save(functional, saves, array, arrays), attrs)
        _attach(node, saves, target, inputs, arrays, array)
        if saves & 1:
            node.version_sum += 1  # the output is what this write leaves; another saved input over its memory is lost
        if view is not None:
            base = view.base
            write = _new_node(VIEW_WRITE, (_edge(base), node), (), (view.steps,))
            base._node = write
            base._tracked = True
        if target._node is not None and target._node.hooks is not None:
            _move_retained(target, node)
        target._node = node
        target._tracked = True
        if _modes:
            _noted(node)
    _wrote(version)
    if view is not None and (tracked or not view.base._tracked):
        view.seen = version.value
    return target


def call_writing(op, inputs, attrs=(), live=None):
    """Run an op that writes several of its inputs and leaves no history: an optimizer's step.

    The inputs are `op.groups(attrs)` runs of equal length, one after the other; `op.writes`
    names the runs that are written. Leaves that require grad may be written, as under no_grad.
    live: live() gives attrs anew, for whoever replays the call later; None where they never change.
    """
    if _modes and state.profiler is not None and state.profiler.takes(op):
        state.profiler.run(call_writing, op, inputs, attrs, live)
        return
    arrays = _arrays(inputs)
    if _modes and state.recorder is not None:
        state.recorder.live(op, live)
    if _run_kernel(op, arrays, attrs) is None:
        if op.check is not None:
            op.check(inputs, attrs)
        _run_reference(op, arrays, attrs)
    if _modes and state.autocast is not None:
        state.autocast.wrote(arrays)
    total = len(inputs)
    count = total // op.groups(attrs)
    for group in op.writes:
        start = group * count
        for i in range(start, min(start + count, total)):
            x = inputs[i]
            if x._writes is not None:  # else nobody saved it, viewed it or cached what it holds
                _note_write(x)


def step_group(op, params, known, states, attrs, live):
    """An optimizer's op on a group's parameters, their gradients and states; False, with nothing done, if its plan is old.

    params: the group's list; known: the tuple of those that had a gradient when the plan was made. It holds if the same
    ones have one now. The rest are arguments of `call_writing`.
    """
    if _modes or op.kernel is None:
        return _step_long(op, params, known, states, attrs, live)
    count = len(known)
    arrays = [None] * (2 * count + len(states))
    place = 0
    for tensor in params:
        x = tensor
        if x._grad is not None:
            if place == count or known[place] is not x:
                return False
            put(arrays, place, x._array)
            x = x._grad
            put(arrays, count + place, x._array)
            place += 1
    if place != count:
        return False
    place = 2 * count
    for tensor in states:
        x = tensor
        put(arrays, place, x._array)
        place += 1
    if invoke_on_list(op.kernel, arrays, attrs) is None:
        return _step_long(op, params, known, states, attrs, live)
    for group in op.writes:  # 1 would be the gradients
        for tensor in states[(group - 2) * count : (group - 1) * count] if group else known:
            x = tensor
            if x._writes is not None:
                _note_write(x)
    return True


def _step_long(op, params, known, states, attrs, live):
    grads = gather_grads(params, known)
    if grads is None:
        return False
    call_writing(op, known + grads + states, attrs, live)
    return True


def _note_write(x):
    version = x._writes
    _wrote(version)
    view = x._view
    if view is not None and not view.base._tracked:
        view.seen = version.value


def _forbid_leaf(target):
    if target._view is not None:
        _refresh(target)
        base = target._view.base
        if base._tracked and base._node is None:
            raise RuntimeError(
                "a view of a leaf Variable that requires grad is being used in an in-place operation. "
                f"Write to it inside `with pynn.no_grad():`, or through `.data` (shape {tuple(base._array.shape)})."
            )
    if target._tracked and target._node is None and (target._view is None or target._view.kind == 0):
        raise RuntimeError(
            "a leaf Variable that requires grad is being used in an in-place operation. "
            f"Write to it inside `with pynn.no_grad():`, or through `.data` (shape {tuple(target._array.shape)})."
        )


def forbid_inference():
    """Raise for a write to a tensor made in inference_mode, outside it."""
    if not (_modes and state.inference):
        raise RuntimeError(
            "Inplace update to inference tensor outside InferenceMode is not allowed. You can make a clone to get a normal "
            "tensor before doing inplace update."
        )


def forbid_view(target):
    kind = target._view.kind
    where = f"(shape {list(target._array.shape)})"
    if kind == _SEVERAL:
        raise RuntimeError(
            "Output of a split, chunk or unbind is a view and is being modified inplace. This view is the output of a "
            "function that returns multiple views. Such functions do not allow the output views to be modified inplace. "
            f"You should replace the inplace operation by an out-of-place one {where}."
        )
    if kind == _CUSTOM:
        raise RuntimeError(
            "Output of a custom Function is a view and is being modified inplace. This view was created inside a custom "
            "Function (or because an input was returned as-is) and the autograd logic to handle view+inplace would "
            "override the custom backward associated with the custom Function, leading to incorrect gradients. This "
            f"behavior is forbidden. You can fix this by cloning the output of the custom Function {where}."
        )
    made, now, block = (
        ("inference mode", "in normal mode", "inference_mode")
        if kind == _INFERENCE_MODE
        else ("no_grad mode", "with grad mode enabled", "no_grad")
    )
    raise RuntimeError(
        f"A view was created in {made} and is being modified inplace {now}. Given that this use case is ambiguous and "
        f"error-prone, it is forbidden. You can clarify your code by moving both the view and the inplace either both "
        f"inside the {block} block (if you don't want the inplace to be tracked) or both outside (if you want the inplace "
        f"to be tracked) {where}."
    )


def several_views(views):
    """Mark tensors as views that one function returned together, which recorded writes may not reach; returns them."""
    for x in views:
        if x._view is not None and x._view.kind == 0:
            x._view.kind = _SEVERAL
    return views


def custom_view(x, base):
    """Make x, which a custom Function returned over base's memory, a view that recorded writes may not reach."""
    x._writes = _version_of(base)
    x._view = View(base if base._view is None else base._view.base, (), x._writes.value)
    x._view.kind = _CUSTOM


def is_inference(x):
    """Whether a tensor was made in inference_mode."""
    return x._writes is _INFERENCE


def _move_retained(target, node):
    """Let a tensor that keeps its gradient keep that of its new value."""
    held = target._node.hooks.retain
    for here in list(held):
        if here() is target:
            held.remove(here)
            node.own_hooks().retain.append(here)


def bump(x):
    """Note a write to a tensor's memory that no op made."""
    if x._writes is not None:
        _wrote(x._writes)


def _wrote(version):
    version.value += 1
    if _modes and state.recorder is not None:
        state.recorder.wrote(version)


def shared_version(x):
    """The counter of writes to x's memory, for another tensor over the same memory."""
    return _version_of(x)


def set_array(x, array):
    """`x.data = ...`: other memory under the same tensor and history."""
    if _modes and state.recorder is not None:
        state.recorder.set_data(x, array)
    x._array = array
    x._writes = None
    x._view = None


def set_grad(x, value):
    """`x.grad = value` (a Tensor or None), without checks."""
    if _modes and state.recorder is not None:
        state.recorder.set_grad(x, value)
    x._grad = value


def clear_grads(tensors):
    """`x.grad = None` for each of a list of tensors."""
    watched = _modes != 0
    for tensor in tensors:
        x = tensor
        if watched:
            set_grad(x, None)
        else:
            x._grad = None


def gather_grads(tensors, known):
    """The gradients of the tensors that have one, as a tuple; None unless those tensors are exactly `known`, in order.

    tensors: a list; known: a tuple. What an optimizer asks each step, to know whether its last plan still holds.
    """
    grads = []
    count = len(known)
    place = 0
    for tensor in tensors:
        x = tensor
        grad = x._grad
        if grad is not None:
            if place == count or known[place] is not x:
                return None
            grads.append(grad)
            place += 1
    return tuple(grads) if place == count else None


# ---- backward ----


def backward(roots, grads, retain, create_graph, wanted, accumulate=False):
    """Run the tape backward from `roots`.

    roots: tensors; grads: their incoming gradients (arrays; Tensors under create_graph).
    wanted: None to accumulate into the leaves' `.grad`, or a list of tensors whose
    gradients to return (None where a tensor was not reached). accumulate: add those of the
    leaves among them to their `.grad` instead, and return nothing.
    """
    enabled = is_grad_enabled()
    if create_graph and not enabled:
        state.grad_enabled = True
    try:
        with _backward_lock:
            return _backward(roots, grads, retain, create_graph, wanted, accumulate)
    finally:
        if create_graph and not enabled:
            state.grad_enabled = False


def backward_from_one(x, retain):
    """`x.backward()` of a recorded float32 scalar, short for the commonest case: no mode, no arguments.

    Returns False, with nothing done, where x is anything else.
    """
    if _modes or x._node is None or x._view is not None or dims(x._array) or not has_dtype(x._array, _float32):
        return False
    kernel = CLONE.kernel
    one = None if kernel is None else invoke_1(kernel, _one)
    release = _release  # of this very lock, should a hook fork
    _acquire()
    try:
        _backward((x,), (_one.copy() if one is None else one,), retain, False, None, False)
    finally:
        release()
    return True


def _backward(roots, grads, retain, create_graph, wanted, accumulate):
    global _mark, _pass
    _mark += 1
    outer = _pass
    run = _pass = _new_pass(_mark, retain, create_graph, outer)
    if wanted is not None:
        run.places = _places(wanted)
        if not accumulate:
            run.found = [None] * len(wanted)
    try:
        _run_backward(roots, grads, run)
    finally:
        _pass = outer
        if run.noted:  # put back what the outer pass had noted on shared nodes
            for node, mark, runs, deps, grad in run.noted:
                node.mark = mark
                node.runs = runs
                node.deps = deps
                node.grad = grad
    return run.found


def _run_backward(roots, grads, run):
    retain = run.retain
    create_graph = run.create_graph
    places = run.places
    found = run.found
    mark = run.number
    starts = []
    reached = []
    for position in range(len(roots)):
        edge = _edge(roots[position])
        grad = grads[position]
        if isinstance(edge, Node):
            node = edge
            if _enters(node, run):
                starts.append(node)
            node.grad = grad if node.grad is None else _add(node.grad, grad, create_graph)
        else:
            reached.append((edge, grad))
    if places is None:
        _count(list(starts), run)
    else:
        _count_wanted(starts, run)
    for leaf, _ in reached:
        if leaf._hooks is not None:
            _expect(leaf, run)
    for leaf, grad in reached:
        if places is None or id(leaf) in places:
            if leaf._hooks is not None:
                _reach_hooked(leaf, grad, run)
            else:
                _reach_leaf(leaf, grad, False, run)
    ready = [node for node in starts if node.deps == 0]
    following = None  # the node to take next: the last that became ready
    while following is not None or ready:
        if following is not None:
            node = following
            following = None
        else:
            node = ready.pop()
        grad = node.grad
        node.grad = None
        results = None
        if grad is not None:
            if node.hooks is not None:
                grad = _enter_hooked(node, grad, run)
            elif found is not None and id(node) in places:
                _capture(node, grad, run)
            if places is not None and node.runs != mark:
                continue
            if node.op is PORT:
                _give_to_port(node, grad, create_graph)
            elif node.op is SLICE and run.parts is not None and _add_part(node, grad, run):
                pass
            else:
                profiler, watched = None, False
                if _modes:
                    profiler, watched = state.profiler, state.anomaly is not None
                if profiler is not None:
                    profiler.begin(node.name())
                if node.hooks is not None or watched:
                    results = _execute_hooked(node, grad, run)
                elif create_graph:
                    results = _execute_backward_graph(node, grad)
                else:
                    results = _execute_backward(node, grad)
                if profiler is not None:
                    profiler.end()
            if not retain and node.versions is not None:
                node.saved = None  # shapes and numbers alone may stay: such a node can run again
        elif places is not None and node.runs != mark:
            continue
        position = 0
        for edge in node.edges:
            if edge is None:
                position += 1
                continue
            result = None if results is None else results[position]
            position += 1
            if isinstance(edge, Node):
                target = edge
                if places is not None and target.runs != mark and id(edge) not in places:
                    continue
                if result is not None:
                    if target.grad is None:
                        target.grad = result
                        if node.op is SLICE and not create_graph and node.hooks is None and not _modes:
                            _note_part(target, result, run)
                    else:
                        target.grad = _add(target.grad, result, create_graph)
                target.deps -= 1
                if target.deps == 0:
                    if following is not None:
                        ready.append(following)
                    following = target
                continue
            leaf = edge
            if places is not None and id(edge) not in places:
                continue
            if leaf._hooks is not None:
                _reach_hooked(leaf, result, run)
            elif result is not None:
                fresh = (not create_graph) and result is not grad and _is_own(result)
                if fresh and position < len(results):
                    for later in results[position:]:
                        if later is result:
                            fresh = False
                _reach_leaf(leaf, result, fresh, run)


def _is_own(array):
    """Whether nobody else can hold a row-major array's memory."""
    if is_device_array(array):
        return array.base is None and array.flags.c_contiguous
    return invoke_1(_is_fresh, array)


def _note_part(target, grad, run):
    """Note that the gradient at a node was made for one slice of its value, and that nobody else holds it."""
    if run.parts is None:
        run.parts = {}
    run.parts[id(target)] = grad


def _add_part(node, grad, run):
    """Add a slice's gradient to that of the whole where it lies, if that was made for another slice; whether it was.

    So n slices of a tensor cost one pass over it, not n arrays of zeros and their sums.
    """
    edge = node.edges[0]
    if not isinstance(edge, Node) or node.hooks is not None or node.backend is not None or _modes:
        return False
    target = edge
    held = target.grad
    if not isinstance(held, ndarray) or run.parts.get(id(target)) is not held or held.dtype != grad.dtype:
        return False
    _check_saved(node)
    pair = (held[node.attrs[0]], grad)
    if _run_kernel(ADD_, pair, ()) is None:
        _run_reference(ADD_, pair, ())
    return True


def current_pass():
    """The innermost backward pass under way, or None."""
    return _pass


def _places(wanted):
    """{id of the leaf or node where a wanted gradient arrives: [its number among the wanted, ...]}.

    The gradient of one output of several arrives at the node itself: [(number, output), ...].
    """
    places = {}
    for i, tensor in enumerate(wanted):
        edge = _edge(tensor)
        if isinstance(edge, Node) and edge.op is PORT:
            places.setdefault(id(edge.edges[0]), []).append((i, edge.index))
        else:
            places.setdefault(id(edge), []).append(i)
    return places


def _capture(node, grad, run):
    """Note a gradient that the caller wants."""
    found = run.found
    for i in run.places[id(node)]:
        if isinstance(i, tuple):
            i, output = i
            found[i] = grad[output]
        else:
            found[i] = grad


def _enters(node, run):
    """Make a node ready for a pass that comes by it for the first time; whether it does."""
    if node.mark == run.number:
        return False
    if run.noted is not None:
        run.noted.append((node, node.mark, node.runs, node.deps, node.grad))
    node.mark = run.number
    node.deps = 0
    node.grad = None
    return True


def _expect(leaf, run):
    """Note that one more gradient will come to a leaf with hooks."""
    if run.pending is None:
        run.pending = {}
    entry = run.pending.get(id(leaf))
    if entry is None:
        run.pending[id(leaf)] = [1, None]
    else:
        entry[0] += 1


def _count(stack, run):
    """Count, for every node below the stack's, the nodes that will hand it a gradient."""
    following = None  # a node to go on with, that need not go by the stack
    while following is not None or stack:
        if following is not None:
            node = following
            following = None
        else:
            node = stack.pop()
        for edge in node.edges:
            if isinstance(edge, Node):
                target = edge
                if _enters(target, run):
                    if following is not None:
                        stack.append(following)
                    following = target
                target.deps += 1
            elif edge is not None:
                leaf = edge
                if leaf._hooks is not None:
                    _expect(leaf, run)


def _count_wanted(starts, run):
    """The same on the paths to wanted places only; marks the nodes that have to run for them."""
    places = run.places
    number = run.number
    _count(list(starts), run)
    run.pending = None
    order = []
    ready = [node for node in starts if node.deps == 0]
    while ready:
        node = ready.pop()
        order.append(node)
        for edge in node.edges:
            if isinstance(edge, Node):
                target = edge
                target.deps -= 1
                if target.deps == 0:
                    ready.append(target)
    while order:  # from the ends up, so that what a node leads to is known
        node = order.pop()
        for edge in node.edges:
            if edge is None:
                continue
            if isinstance(edge, Node):
                target = edge
                if target.runs == number or id(edge) in places:
                    target.deps += 1
                    node.runs = number
            elif id(edge) in places:
                node.runs = number
                leaf = edge
                if leaf._hooks is not None:
                    _expect(leaf, run)


def _enter_hooked(node, grad, run):
    """What happens to the gradient that arrives at a node with hooks, before the node runs; returns it."""
    hooks = node.hooks
    create_graph = run.create_graph
    captured = run.found is not None and id(node) in run.places
    if captured and node.runs == run.number:
        _capture(node, grad, run)  # as torch has it: hooks come later where the node runs
        captured = False
    if hooks.tensor:
        grad = _run_hooks(hooks.tensor, grad, create_graph)
    for here in hooks.retain:
        tensor = here()
        if tensor is not None:
            held = tensor._grad
            if create_graph:
                set_grad(tensor, grad if held is None else binary(ADD, held, grad))
            else:
                copy = wrap(_run_reference(CLONE, (grad,), ()))
                set_grad(tensor, copy if held is None else wrap(_add(held._array, copy._array, False)))
    if captured:
        _capture(node, grad, run)
    return grad


def _execute_hooked(node, grad, run):
    """A backward step with what users hung on the node around it, and in sight of detect_anomaly."""
    hooks = node.own_hooks()
    create_graph = run.create_graph
    several = isinstance(grad, list)
    if hooks.before:
        grads = _called(hooks.before, _public_grads(grad, several, create_graph), None, create_graph)
        grad = _own_grads(grads, create_graph)
        grad = list(grad) if several else grad[0]
    saved = node.saved
    if hooks.packed is not None and saved is not None:
        node.saved = _unpacked(node)
    try:
        results = _execute_backward_graph(node, grad) if create_graph else _execute_backward(node, grad)
    except Exception as error:
        if _modes and state.anomaly is not None:
            state.anomaly.failed(node, error)
        raise
    finally:
        node.saved = saved
    if _modes and state.anomaly is not None:
        state.anomaly.computed(node, [r._array if isinstance(r, Tensor) else r for r in results])
    if not run.retain:
        if hooks.packed is not None:
            hooks.packed = None
            node.saved = None
        if hooks.release is not None:
            hooks.release()
    if hooks.after:
        given = _public_grads(list(results), True, create_graph)
        results = _called(hooks.after, given, _public_grads(grad, several, create_graph), create_graph)
        results = _own_grads(results, create_graph)
    return results


def _public_grads(grad, several, create_graph):
    """Gradients as hooks of nodes see them: a tuple of Tensors and None."""
    grads = grad if several else [grad]
    return tuple([g if g is None or create_graph else wrap(g) for g in grads])


def _own_grads(grads, create_graph):
    return tuple([g if g is None or create_graph else g._array for g in grads])


def _called(hooks, given, outer, create_graph):
    """Run hooks of a node; each gets what the one before it returned."""
    enabled = set_grad_mode(create_graph)
    try:
        for hook in list(hooks.values()):
            replaced = hook(given) if outer is None else hook(given, outer)
            if replaced is not None:
                if isinstance(replaced, Tensor):
                    replaced = (replaced,)
                if len(replaced) != len(given):
                    raise RuntimeError(
                        f"hook has returned an incorrect number of values (got {len(replaced)}, but expected {len(given)})"
                    )
                given = tuple(replaced)
    finally:
        set_grad_mode(enabled)
    return given


def _add(a, b, create_graph):
    if create_graph:
        return binary(ADD, a, b)
    out = _run_kernel(ADD, (a, b), ())
    return _run_reference(ADD, (a, b), ()) if out is None else out


def _give_to_port(port, grad, create_graph):
    node = port.edges[0]
    if node.grad is None:
        node.grad = [None] * node.index
    held = node.grad
    i = port.index
    held[i] = grad if held[i] is None else _add(held[i], grad, create_graph)


def _check_saved(node):
    if node.saved is None:
        raise RuntimeError(
            "Trying to backward through the graph a second time (or directly access saved tensors after they have "
            f"already been freed), at {node.name()}. Saved intermediate values of the graph are freed when you call "
            ".backward() or autograd.grad(). Specify retain_graph=True if you need to backward through the graph a "
            "second time."
        )
    versions = node.versions
    if versions is not None:
        total = 0
        for version in versions:
            if version is not None:
                total += version.value
        if total != node.version_sum:
            shapes = ", ".join([f"{a.dtype}{list(a.shape)}" for a in node.saved if is_array(a)])
            raise RuntimeError(
                "one of the variables needed for gradient computation has been modified by an inplace operation: "
                f"{node.op.name} saved {shapes}, which is at version {total}; expected version {node.version_sum} "
                "instead. Hint: use the out-of-place form (x = x + 1 for x += 1), or clone() the tensor before "
                "writing to it."
            )


def _execute_backward(node, grad):
    """One backward step on arrays: the backend's kernel, else the record's vjp."""
    if _devices <= 1:
        return _execute_backward_here(node, grad)
    before = METHODS["use_device_of"](grad if isinstance(grad, list) else (grad,))
    try:
        return _execute_backward_here(node, grad)
    finally:
        METHODS["use_device"](before)


def _execute_backward_here(node, grad):
    _check_saved(node)
    op = node.op
    saved = node.saved
    results = None
    if _devices and node.backend is None:
        _place_node(node, grad)
    backend = node.backend
    kernel = op.backward_kernel if backend is None else backend.kernel(op.name + ".backward")
    if kernel is not None and node.shapes is None:  # kernels do not sum over what was broadcast
        results = invoke_backward(kernel, grad, saved, node.attrs, node.needs)
    if results is None:
        half = _half_of_backward(node, grad, saved)
        if half is None:
            results = _run_vjp(node, grad, saved)
        else:
            wide = _widened(grad)
            if kernel is not None and node.shapes is None:
                results = kernel(wide, _widened(saved), node.attrs, node.needs)
            if results is None:
                results = _run_vjp(node, wide, _widened(saved))
            elif not isinstance(results, tuple):
                results = (results,)
            results = tuple([grad if r is wide else _narrowed(r, half) for r in results])
    elif not isinstance(results, tuple):
        results = (results,)
    if _modes and state.recorder is not None:
        state.recorder.backward(node, grad, results)
    return results


def _place_node(node, grad):
    """Let a node that no forward call gave a backend run where the gradient that arrives lies."""
    for array in grad if isinstance(grad, list) else (grad,):
        if is_device_array(array):
            node.backend = _device_backend


def _fold(kernel, xp, grad, shape):
    """A gradient summed to the shape of the input that was broadcast."""
    out = None if kernel is None else kernel(grad, shape)
    return _unbroadcast(xp, grad, shape) if out is None else out


def _run_vjp(node, grad, saved):
    op = node.op
    if op.vjp is None:
        raise RuntimeError(f"{op.name} has no gradient: its record names no vjp.")
    xp = _reference_namespace if node.backend is None else node.backend.namespace
    with errstate(all="ignore"):
        results = op.vjp(xp, node.needs, grad, saved, node.attrs)
        shapes = node.shapes
        if shapes is not None:
            fold = SUM_TO_SIZE.kernel if node.backend is None else node.backend.kernel("sum_to_size")
            results = [
                r if r is None or s is None or r.shape == s else _fold(fold, xp, r, s) for r, s in zip(results, shapes)
            ]
        return tuple([r if r is None or is_array(r) else xp.asarray(r) for r in results])


def _half_of_backward(node, grad, saved):
    """The 16-bit float dtype whose gradients are to be computed in float32, or None."""
    if node.op.exact & 2 and node.shapes is None:
        return None
    half = _half_in((grad,))
    return _half_in(saved) if half is None and saved else half


def _execute_backward_graph(node, grad):
    """The same on Tensors, recording: the vjp over the tensors' own namespace."""
    _check_saved(node)
    op = node.op
    saved = node.saved
    if saved:
        saved = list(saved)
        if isinstance(saved[0], tuple):
            saved[0] = tuple([_restore(a, _port(node, i)) for i, a in enumerate(saved[0])])
        else:
            saved[0] = _restore(saved[0], node)
        for i in range(1, len(saved)):
            edge = node.edges[i - 1] if i - 1 < len(node.edges) else None
            saved[i] = _restore(saved[i], edge)
        saved = tuple(saved)
    if op.vjp is None:
        raise RuntimeError(f"{op.name} has no gradient: its record names no vjp.")
    half = _half_of_backward(node, grad, saved)
    if half is not None:
        grad, saved = _widen_tensors(grad), _widen_tensors(saved)
    before = state.device
    if _devices:
        state.device = METHODS["device_of"](_arrays(tuple(grad) if isinstance(grad, list) else (grad,)))
    try:
        results = op.vjp(_tensor_namespace, node.needs, grad, saved, node.attrs)
        shapes = node.shapes
        if shapes is not None:
            results = [
                r if r is None or s is None or r._array.shape == s else _unbroadcast(_tensor_namespace, r, s)
                for r, s in zip(results, shapes)
            ]
    finally:
        state.device = before
    if half is not None:
        results = [r if r is None else _narrow_tensor(r, half) for r in results]
    return results


def _widen_tensors(value):
    if isinstance(value, (tuple, list)):
        return tuple([_widen_tensors(v) for v in value])
    return _widened(value) if isinstance(value, Like) else _widen_tensor(value)


def _restore(value, edge):
    """A saved array as the tensor it was, hanging on the same place of the tape."""
    if not is_array(value):
        return value
    tensor = wrap(value)
    if not is_floating(value):
        return tensor
    if isinstance(edge, Node):
        tensor._node = edge
        tensor._tracked = True
    elif edge is not None:
        tensor._node = _new_node(CLONE, (edge,), (), ())
        tensor._tracked = True
    return tensor


def _run_hooks(hooks, grad, create_graph):
    """Run the hooks of a tensor on its gradient; returns what they make of it."""
    enabled = set_grad_mode(create_graph)
    given = grad if create_graph else wrap(grad)  # the same tensor for all hooks, so that one may leave notes on it
    try:
        for hook in list(hooks.values()):
            replaced = hook(given)
            if replaced is not None:
                if not isinstance(replaced, Tensor):
                    raise TypeError(f"hook must return a Tensor or None, got {type(replaced).__name__}.")
                shape = given._array.shape
                if replaced._array.shape != shape:
                    raise RuntimeError(
                        f"hook has changed the size of value: {list(shape)} became {list(replaced._array.shape)}."
                    )
                given = replaced
    finally:
        set_grad_mode(enabled)
    return given if create_graph else given._array


def _reach_hooked(leaf, grad, run):
    """`_reach_leaf` for a leaf with hooks, which run once, on the sum of all that arrives."""
    create_graph = run.create_graph
    if run.pending is None or id(leaf) not in run.pending:
        _expect(leaf, run)  # its first hook was hung during this pass
    entry = run.pending[id(leaf)]
    entry[0] -= 1
    if grad is not None:
        entry[1] = grad if entry[1] is None else _add(entry[1], grad, create_graph)
    grad = entry[1]
    if entry[0] > 0 or grad is None:
        return
    entry[1] = None
    hooks = leaf._hooks
    if hooks.tensor:
        grad = _run_hooks(hooks.tensor, grad, create_graph)
    if run.found is not None:
        for i in run.places[id(leaf)]:
            run.found[i] = grad
        return
    if hooks.before:
        grads = _called(hooks.before, _public_grads(grad, False, create_graph), None, create_graph)
        grad = _own_grads(grads, create_graph)[0]
    _reach_leaf(leaf, grad, False, run)
    if hooks.accumulated:
        enabled = set_grad_mode(create_graph)
        try:
            for hook in list(hooks.accumulated.values()):
                result = hook(leaf)
                if result is not None and result is not leaf:
                    raise RuntimeError("Tensor post accumulate grad hooks should return None.")
        finally:
            set_grad_mode(enabled)
    if hooks.after:
        _called(hooks.after, (), _public_grads(grad, False, create_graph), create_graph)


def _reach_leaf(leaf, grad, fresh, run):
    """Hand a gradient to a leaf: to the caller who wants it, or into its `.grad`."""
    found = run.found
    create_graph = run.create_graph
    if found is not None:
        for i in run.places.get(id(leaf), ()):
            found[i] = grad if found[i] is None else _add(found[i], grad, create_graph)
        return
    held = leaf._grad
    if create_graph:
        set_grad(leaf, grad if held is None else binary(ADD, held, grad))
        return
    if held is None:
        if not fresh:
            copy = _run_kernel(CLONE, (grad,), ())
            grad = _run_reference(CLONE, (grad,), ()) if copy is None else copy
        set_grad(leaf, wrap(grad))
    elif held._tracked:
        set_grad(leaf, wrap(_add(held._array, grad, False)))
    else:
        pair = (held._array, grad)
        if _run_kernel(ADD_, pair, ()) is None:
            _run_reference(ADD_, pair, ())
        bump(held)


def observe(x):
    """A tensor's array on its way out to Python: the one exit for values. Of a GPU's, a copy in the CPU's memory."""
    if _modes and state.recorder is not None:
        state.recorder.observe(x)
    array = x._array
    return array.get() if is_device_array(array) else array


def install(cls, name, value):
    """Hang a method on a class, compiled or not."""
    try:
        setattr(cls, name, value)
    except TypeError:
        from pynn import _native

        _native.set_type_attribute(cls, name, value)


def publish(cls):
    """Let users see a class as pynn's, whatever module it is written in, and set its attributes, compiled or not."""
    try:
        cls.__module__ = "pynn"
    except TypeError:
        from pynn import _native

        _native.publish_type(cls, f"pynn.{cls.__name__}")
