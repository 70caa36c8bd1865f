"""The gate for capture: a recorded training step, replayed on bare arrays, leaves the very bits that eager leaves."""

import numpy
import pytest

import pynn
from pynn import _core
from pynn.ops.registry import OPS
from tests import cases
from tests.recorder import Recorder


class Net:
    """A two-layer net with dropout and running statistics, trained by hand-written momentum SGD."""

    def __init__(self, seed):
        pynn.manual_seed(seed)
        self.w1 = (pynn.randn(5, 8) * 0.3).requires_grad_()
        self.b1 = pynn.zeros(8, requires_grad=True)
        self.w2 = (pynn.randn(8, 3) * 0.3).requires_grad_()
        self.b2 = pynn.zeros(3, requires_grad=True)
        self.running = pynn.zeros(8)
        self.count = pynn.zeros((), dtype=pynn.int64)
        self.velocity = [pynn.zeros_like(p) for p in self.parameters()]

    def parameters(self):
        return [self.w1, self.b1, self.w2, self.b2]

    def tensors(self):
        return [*self.parameters(), self.running, self.count, *self.velocity]

    def forward(self, x):
        h = pynn.matmul(x, self.w1) + self.b1
        with pynn.no_grad():
            self.running.mul_(0.9).add_(h.mean(0), alpha=0.1)
            self.count += 1
        h = h - self.running
        h = pynn.clamp(h, min=0.0)
        h = _core.call(pynn.ops.registry.OPS["dropout"].op, (h,), (0.3, None))
        h[:, 0] = h[:, 1] * 2  # an in-place write to a view
        return pynn.matmul(h, self.w2) + self.b2

    def loss(self, x, y):
        logits = self.forward(x)
        shifted = logits - logits.amax(1, True).detach()
        log_p = shifted - shifted.exp().sum(1, keepdim=True).log()
        return -log_p.gather(1, y.unsqueeze(1)).mean()

    def zero_grad(self, set_to_none):
        for p in self.parameters():
            if set_to_none:
                p.grad = None
            elif p.grad is not None:
                p.grad.zero_()

    def update(self):
        with pynn.no_grad():
            for p, v in zip(self.parameters(), self.velocity):
                v.mul_(0.9).add_(p.grad)
                p.sub_(v, alpha=0.05)

    def step(self, x, y, set_to_none):
        self.zero_grad(set_to_none)
        loss = self.loss(x, y)
        loss.backward()
        self.update()
        return loss


def batches(n, seed=3):
    rng = numpy.random.default_rng(seed)
    return [(rng.normal(size=(6, 5)).astype("f4"), rng.integers(0, 3, 6)) for _ in range(n)]


def offset():
    return pynn.get_rng_state().tolist()


def assert_same(ours, theirs):
    for a, b in zip(ours, theirs, strict=True):
        numpy.testing.assert_array_equal(a._array, b._array, strict=True)
        assert (a._writes is None) == (b._writes is None)
        if a._writes is not None:
            assert a._writes.value == b._writes.value
        assert (a.grad is None) == (b.grad is None)
        if a.grad is not None:
            numpy.testing.assert_array_equal(a.grad._array, b.grad._array, strict=True)


@pytest.mark.parametrize("set_to_none", [True, False])
def test_replay_equals_eager(set_to_none):
    data = batches(6)
    eager = Net(0)
    losses = [eager.step(*map(pynn.from_numpy, pair), set_to_none).item() for pair in data]
    end = offset()

    net = Net(0)
    net.step(*map(pynn.from_numpy, data[0]), set_to_none)
    inputs = [pynn.from_numpy(a) for a in data[1]]
    with Recorder(inputs) as recorder:
        loss = net.step(*inputs, set_to_none)
    assert recorder.observed == []
    grads = [] if set_to_none else [p.grad for p in net.parameters()]
    assert recorder.unexplained(net.tensors() + grads) == []
    got = [losses[0], loss.item()]
    for pair in data[2:]:
        recorder.replay(pair)
        got.append(recorder.value(loss).item())
    assert got == losses
    assert offset() == end
    assert_same(net.tensors(), eager.tensors())


def mlp():
    return pynn.nn.Sequential(
        pynn.nn.Linear(5, 8),
        pynn.nn.ReLU(),
        pynn.nn.Dropout(0.3),
        pynn.nn.Linear(8, 8),
        pynn.nn.Tanh(),
        pynn.nn.Linear(8, 3),
    )


def cnn():
    return pynn.nn.Sequential(
        pynn.nn.Unflatten(1, (1, 5)),
        pynn.nn.Unflatten(2, (5, 1)),
        pynn.nn.Conv2d(1, 4, 3, padding=1, bias=False),
        pynn.nn.BatchNorm2d(4),
        pynn.nn.ReLU(inplace=True),
        pynn.nn.MaxPool2d((2, 1)),
        pynn.nn.Dropout(0.2),
        pynn.nn.Flatten(),
        pynn.nn.Linear(8, 3),
    )


OPTIMIZERS = {
    "sgd": lambda p: pynn.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=1e-3, nesterov=True),
    "adam": lambda p: pynn.optim.Adam(p, lr=0.01, amsgrad=True),
    "adamw": lambda p: pynn.optim.AdamW(p, lr=0.01),
    "rmsprop": lambda p: pynn.optim.RMSprop(p, lr=0.01, momentum=0.5, centered=True),
}


class Trainer:
    """A model and its optimizer, whose rate falls between steps."""

    def __init__(self, model, optimizer):
        pynn.manual_seed(1)
        self.model = model()
        self.optimizer = OPTIMIZERS[optimizer](self.model.parameters())

    def cool(self):
        self.optimizer.param_groups[0]["lr"] *= 0.9

    def step(self, x, y):
        self.optimizer.zero_grad()
        loss = pynn.nn.functional.cross_entropy(self.model(x), y)
        loss.backward()
        self.optimizer.step()
        return loss

    def tensors(self):
        held = [*self.model.parameters(), *self.model.buffers()]
        for state in self.optimizer.state.values():
            held += [v for v in state.values() if isinstance(v, _core.Tensor)]
        return held


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("model", [mlp, cnn])
def test_training_replays(model, optimizer):
    data = batches(6)
    eager = Trainer(model, optimizer)
    losses = []
    for pair in data:
        losses.append(eager.step(*map(pynn.from_numpy, pair)).item())
        eager.cool()
    end = offset()

    ours = Trainer(model, optimizer)
    got = [ours.step(*map(pynn.from_numpy, data[0])).item()]
    ours.cool()
    inputs = [pynn.from_numpy(a) for a in data[1]]
    with Recorder(inputs) as recorder:
        loss = ours.step(*inputs)
    got.append(loss.item())
    assert recorder.observed == []
    assert recorder.unexplained(ours.tensors()) == []
    for pair in data[2:]:
        ours.cool()
        recorder.replay(pair)
        got.append(recorder.value(loss).item())
    assert got == losses
    assert offset() == end
    assert_same(ours.tensors(), eager.tensors())


def run_eager_and_replayed(make, step, tensors):
    """The tensors of two trainings of six steps: eager, and with the last four replayed from the second."""
    data = batches(6)
    eager = make()
    for pair in data:
        step(eager, *map(pynn.from_numpy, pair))
    end = offset()
    ours = make()
    step(ours, *map(pynn.from_numpy, data[0]))
    inputs = [pynn.from_numpy(a) for a in data[1]]
    known = [*tensors(ours), *[t.grad for t in tensors(ours) if t.grad is not None]]
    with Recorder(inputs) as recorder:
        step(ours, *inputs)
    assert recorder.unexplained(known) == []
    for pair in data[2:]:
        recorder.replay(pair)
    assert offset() == end
    assert_same(tensors(ours), tensors(eager))
    return recorder


def penalised(trainer, x, y):
    """A step whose loss holds the gradient of another: backward of backward."""
    trainer.optimizer.zero_grad()
    x = x.clone().requires_grad_()
    out = trainer.model(x)
    (g,) = pynn.autograd.grad(out.sum(), x, create_graph=True)
    loss = pynn.nn.functional.cross_entropy(out, y) + (g.norm(dim=1) - 1).square().mean()
    loss.backward()
    trainer.optimizer.step()


def accumulated(trainer, x, y):
    """Two halves of a batch, gradients kept in place and clipped, a weight decayed by hand through `.data`."""
    trainer.optimizer.zero_grad(set_to_none=False)
    for half in (slice(0, 3), slice(3, 6)):
        loss = pynn.nn.functional.cross_entropy(trainer.model(x[half]), y[half]) / 2
        loss.backward()
    pynn.nn.utils.clip_grad_norm_(trainer.model.parameters(), 0.5)
    trainer.optimizer.step()
    for p in trainer.model.parameters():
        p.data.mul_(0.99)


def hooked(trainer, x, y):
    """Hooks on tensors and a retained gradient, and noise that is drawn every step."""
    trainer.optimizer.zero_grad()
    x = x + pynn.randn(6, 5) * 0.1
    out = trainer.model(x)
    out.register_hook(lambda g: g * 0.5 + 0.01)
    out.retain_grad()
    pynn.nn.functional.cross_entropy(out, y).backward()
    next(trainer.model.parameters()).grad += out.grad.sum() * 0.1
    trainer.optimizer.step()


@pytest.mark.parametrize("model", [mlp, cnn])
@pytest.mark.parametrize("step", [penalised, accumulated, hooked])
def test_unusual_steps_replay(step, model):
    recorder = run_eager_and_replayed(lambda: Trainer(model, "sgd"), step, Trainer.tensors)
    assert recorder.observed == []


def test_replay_reads_outside_arrays_anew():
    x, w = pynn.ones(3), pynn.ones(3)
    with Recorder([x]) as recorder:
        out = x * w
    w.add_(1)
    recorder.replay([numpy.full(3, 5.0, "f4")])
    assert recorder.value(out).tolist() == [10.0] * 3


def test_made_arrays_are_made_anew():
    x = pynn.ones(3)
    with Recorder([x]) as recorder:
        total = pynn.zeros(3)
        total += x
    for _ in range(2):
        recorder.replay([numpy.ones(3, "f4")])
        assert recorder.value(total).tolist() == [1.0] * 3


def test_data_is_rebound():
    p = pynn.ones(2)
    with Recorder() as recorder:
        p.data = p.data * 2
    for _ in range(3):
        recorder.replay()
    assert p.tolist() == [16.0, 16.0]


def test_grad_kept_over_steps_is_replaced():
    p = pynn.ones(2, requires_grad=True)

    def step():
        (p * p).sum().backward()
        p.grad = p.grad * 0.5

    step()
    held = p.grad
    with Recorder() as recorder:
        step()
    assert recorder.unexplained([p, held]) == []
    recorder.replay()
    assert p.grad.tolist() == [1.75, 1.75]


def test_arrays_from_behind_the_door_are_named():
    x = pynn.ones(2)
    with Recorder([x]) as recorder:
        x + pynn.from_numpy(numpy.ones(2, "f4"))
    assert recorder.unexplained() == [((2,), "add")]


def test_values_that_leave_are_counted():
    x = pynn.ones(2)
    with Recorder([x]) as recorder:
        bool(x.sum() > 1)
    assert len(recorder.observed) == 1


def bits(tensors):
    return [(x._array.shape, x._array.tobytes()) for x in tensors if isinstance(x, _core.Tensor)]


@pytest.mark.parametrize("name", cases.names())
def test_every_op_replays(name):
    """Each sample with its gradients: recorded, its inputs put back, and replayed to the same bits and draws."""
    record = OPS[name]
    for sample in cases.samples(name):
        track = cases.has_gradient(record, sample)
        inputs = cases.tensors(sample.inputs, track=track)
        arrays = [x for x in inputs if isinstance(x, _core.Tensor)]
        before = [x._array.copy(order="K") for x in arrays]
        with Recorder(arrays) as recorder:
            outs = list(cases.several(cases.apply(record.op, inputs, sample.attrs)))
            if track:
                total = cases.weighted(tuple(outs))
                wanted = [x for x in arrays if x.requires_grad]
                if isinstance(total, _core.Tensor):
                    outs += [g for g in pynn.autograd.grad(total, wanted, allow_unused=True) if g is not None]
        assert recorder.observed == []
        assert recorder.unexplained() == []
        after, end = bits([*arrays, *outs]), offset()
        if record.op.random is not None:
            pynn.manual_seed(7)  # as cases.apply does
        fresh = [cases.lay_out_as(b, b) for b in before]
        recorder.replay(fresh)
        replayed = [recorder.value(x) for x in (*arrays, *outs)]
        assert [(a.shape, a.tobytes()) for a in replayed] == after
        assert offset() == end
