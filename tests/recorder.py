"""A recorder of what passes the door, and its replay on bare arrays.

The proof that the records and the door carry what capture needs: `Recorder` sits at
`pynn._core.state.recorder` while a training step runs, and `replay` runs the same step
again from what it noted alone: op, arrays, attrs. No Tensor takes part in a replay; only
at its end are rebound `.grad` and `.data` handed to the tensors that hold them.

Every array (and every place in a random stream) has a slot. An array that no op made,
nor `made`, lives outside (a weight, a batch): `unexplained` names those a test does not
expect, so that nothing comes about behind the door's back.
"""

import numpy

from pynn import _core
from pynn._backends import namespace
from pynn._core import Tensor, state
from pynn.ops.registry import OPS, unbroadcast


class Slot:
    """Stands for the array (or random place) number `index` in what a step was recorded with."""

    def __init__(self, index):
        self.index = index


def fetch(env, value):
    """A recorded value with its slots replaced by what the environment holds there."""
    if isinstance(value, Slot):
        return env[value.index]
    if isinstance(value, tuple):
        return tuple([fetch(env, v) for v in value])
    return value


def run(op, arrays, attrs, backend=None):
    """The op on arrays, as the door runs it: the kernel, and the reference where it declines."""
    kernel = op.kernel if backend is None else backend.kernel(op.name)
    out = None
    if kernel is not None:
        out = kernel(arrays, *attrs) if op.variadic else kernel(*arrays, *attrs)
    if out is None:
        xp = namespace if backend is None else backend.namespace
        with numpy.errstate(all="ignore"):
            out = op.reference(xp, arrays, *attrs) if op.variadic else op.reference(xp, *arrays, *attrs)
        out = tuple(map(numpy.asarray, out)) if isinstance(out, tuple) else numpy.asarray(out)
    return out


def _fold(xp, grad, shape, backend):
    """A gradient summed to the shape of the input that was broadcast."""
    kernel = OPS["sum_to_size"].op.kernel if backend is None else backend.kernel("sum_to_size")
    out = None if kernel is None else kernel(grad, shape)
    return unbroadcast(xp, grad, shape) if out is None else out


def run_backward(op, needs, grad, saved, attrs, shapes, backend):
    """One backward step on arrays, as the tape runs it."""
    kernel = op.backward_kernel if backend is None else backend.kernel(op.name + ".backward")
    kernel = None if shapes is not None else kernel  # kernels do not sum over what was broadcast
    out = None if kernel is None else kernel(grad, saved, attrs, needs)
    if out is not None:
        return out if isinstance(out, tuple) else (out,)
    xp = namespace if backend is None else backend.namespace
    with numpy.errstate(all="ignore"):
        out = op.vjp(xp, needs, grad, saved, attrs)
        if shapes is not None:
            pairs = zip(out, shapes)
            out = [r if r is None or s is None or r.shape == s else _fold(xp, r, s, backend) for r, s in pairs]
    return tuple(r if r is None else numpy.asarray(r) for r in out)


class Recorder:
    """Notes the steps of what runs inside `with Recorder(inputs) as recorder:`; `replay` runs them again.

    inputs: the tensors whose arrays a replay is given anew.
    """

    def __init__(self, inputs=()):
        self.steps = []  # functions of the environment, a list with one value a slot
        self.outside = []  # (slot, array, what first read it)
        self.observed = []  # tensors whose values left to Python
        self._slots = {}  # id(array or place) -> slot
        self._keep = []  # each of them, so that no id is used twice
        self._cells = {}  # (id(tensor), field) -> [tensor, field, slot it held at first or None, slot at the end]
        self._inputs = [self._new(x._array) for x in inputs]
        self._values = None
        self._live = None

    def __enter__(self):
        state.recorder = self
        _core.enter_mode()
        return self

    def __exit__(self, *error):
        _core.leave_mode()
        state.recorder = None

    # ---- what the door and the tape call ----

    def forward(self, op, arrays, attrs, out):
        """An op ran on arrays."""
        inputs, attrs = self._read(arrays, op.name), self._attrs(attrs)
        outputs, backend = self._write(out), state.backend
        if self._live is not None:
            live, self._live = self._live, None
            self.steps.append(lambda env: _store(env, outputs, run(op, fetch(env, inputs), live(), backend)))
            return
        self.steps.append(lambda env: _store(env, outputs, run(op, fetch(env, inputs), fetch(env, attrs), backend)))

    def live(self, op, live):
        """The next op to run reads its attrs from live() each time, unless that is None."""
        self._live = live

    def backward(self, node, grad, results):
        """A node took the gradient of its output to those of its inputs."""
        op, where = node.op, node.op.name + ".backward"
        grad, saved, attrs = self._read(grad, where), self._read(node.saved, where), self._attrs(node.attrs)
        outputs, needs, shapes, backend = self._write(results), node.needs, node.shapes, node.backend

        def step(env):
            values = fetch(env, grad), fetch(env, saved), fetch(env, attrs)
            _store(env, outputs, run_backward(op, needs, *values, shapes, backend))

        self.steps.append(step)

    def made(self, array):
        """Python computed an array of no tensor's values."""
        slot, values = self._new(array), array.copy(order="K")
        self.steps.append(lambda env: _store(env, slot, values.copy(order="K")))

    def draw(self, generator, count, place):
        """The generator gave `count` random words from `place` on."""
        slot = self._new(place)
        self.steps.append(lambda env: _store(env, slot, generator.reserve(count)))

    def wrote(self, version):
        """A buffer was written, and its version went up."""

        def step(env):
            version.value += 1

        self.steps.append(step)

    def set_grad(self, tensor, value):
        """`.grad` is about to become value."""
        self._bind(tensor, "_grad", tensor._grad, value)

    def set_data(self, tensor, array):
        """`.data` is about to become array."""
        self._bind(tensor, "_array", tensor._array, array)

    def observe(self, tensor):
        """A tensor's values left to Python."""
        self.observed.append(tensor)

    # ---- slots ----

    def _new(self, value):
        slot = len(self._keep)
        self._slots[id(value)] = slot
        self._keep.append(value)
        return slot

    def _read(self, value, reader):
        """A value with the arrays in it replaced by their slots."""
        if isinstance(value, numpy.ndarray):
            if id(value) not in self._slots:
                self.outside.append((self._new(value), value, reader))
            return Slot(self._slots[id(value)])
        if isinstance(value, (tuple, list)):
            return tuple([self._read(v, reader) for v in value])
        return value

    def _attrs(self, attrs):
        """attrs with random places replaced by their slots."""
        return tuple([Slot(self._slots[id(a)]) if id(a) in self._slots else a for a in attrs])

    def _write(self, out):
        """The slots of an op's results; None for one that was there before (an array the op wrote to)."""
        if isinstance(out, (tuple, list)):
            return [self._write(o) for o in out]
        return self._new(out) if isinstance(out, numpy.ndarray) and id(out) not in self._slots else None

    def _bind(self, tensor, field, before, after):
        before, after = (x._array if isinstance(x, Tensor) else x for x in (before, after))
        key = (id(tensor), field)
        if key not in self._cells:
            self._cells[key] = [tensor, field, self._slots.get(id(before)), None]
        self._cells[key][3] = None if after is None else self._read(after, f"the tensor's {field}").index

    # ---- replay ----

    def replay(self, inputs=()):
        """Run the noted steps again on other inputs (arrays), and on what outside arrays hold by now."""
        env = [None] * len(self._keep)
        for slot, array, _ in self.outside:
            env[slot] = array
        for tensor, field, first, _ in self._cells.values():
            if first is not None:
                held = getattr(tensor, field)
                env[first] = held._array if isinstance(held, Tensor) else held
        for slot, array in zip(self._inputs, inputs, strict=True):
            env[slot] = array
        for step in self.steps:
            step(env)
        for tensor, field, _, last in self._cells.values():
            value = None if last is None else env[last]
            if field == "_array":
                _core.set_array(tensor, value)
            else:
                _core.set_grad(tensor, None if value is None else _core.wrap(value))
        self._values = env

    def value(self, tensor):
        """What the last replay has in the place of a tensor of the recorded run."""
        return self._values[self._slots[id(tensor._array)]]

    def unexplained(self, known=()):
        """(shape, first reader) of the outside arrays that belong to none of the known tensors."""
        held = {id(x._array) for x in known}
        return [(array.shape, reader) for _, array, reader in self.outside if id(array) not in held]


def _store(env, slots, values):
    if isinstance(slots, list):
        for slot, value in zip(slots, values, strict=True):
            _store(env, slot, value)
    elif slots is not None:
        env[slots] = values
