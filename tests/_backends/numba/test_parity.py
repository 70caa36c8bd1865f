"""Every kernel on every sample of its op: NumPy's values, gradients and random bits, with any number of threads."""

import numpy
import pytest

import pynn
from pynn import _backends, nn, optim
from pynn._backends.numba import MODULES
from tests import cases

pytest.importorskip("numba", exc_type=ImportError)

KERNELS = {name for names in MODULES.values() for name in names}
NAMES = sorted({name.removesuffix(".backward") for name in KERNELS})


@pytest.fixture
def threads():
    """Restores the number of threads; kernels share even the smallest work among them."""
    from pynn._backends.numba import runtime

    before, least = pynn.get_num_threads(), runtime.PARALLEL_FROM
    runtime.PARALLEL_FROM = 0
    yield pynn.set_num_threads
    runtime.PARALLEL_FROM = least
    pynn.set_num_threads(before)


class Counted:
    """A kernel that counts how often it served."""

    def __init__(self, kernel):
        self.kernel, self.served = kernel, 0

    def __call__(self, *args):
        found = self.kernel(*args)
        self.served += found is not None
        return found


def outcome(name, sample, dtype, track, first_only):
    """The arrays that an op gives or writes at a sample, then the gradients of the inputs to be tracked."""
    record = cases.OPS[name]
    inputs = cases.tensors(sample.inputs, dtype)
    with numpy.errstate(all="ignore"):
        outs = [o._array for o in cases.several(cases.apply(record.op, inputs, sample.attrs))]
        outs += [inputs[i]._array for i in sorted(cases.written(record, sample))]
        if cases.has_gradient(record, sample):
            inputs = cases.tensors(sample.inputs, dtype)
            for i in track:
                if cases.is_float(sample.inputs[i]):
                    inputs[i]._tracked = True
            result = cases.several(cases.apply(record.op, inputs, sample.attrs))
            total = cases.weighted(result[0] if first_only else result)
            if not isinstance(total, float) and total.requires_grad:
                wanted = [x for x in inputs if isinstance(x, pynn.Tensor) and x._tracked]
                grads = pynn.autograd.grad(total, wanted, allow_unused=True)
                outs += [numpy.zeros(()) if g is None else g._array for g in grads]
    return outs


def settings(name, sample):
    """What to track, and whether only the first output has a gradient."""
    every = tuple(range(len(sample.inputs)))
    found = [(every, False)]
    if cases.OPS[name].op.outputs > 1:
        found.append((every, True))
    if name == "batch_norm_fixed":
        found.append(((0, 3, 4), False))  # not the statistics
    return found


def compare(got, expected, tolerance, what):
    assert len(got) == len(expected), what
    for a, b in zip(got, expected):
        assert (a.shape, a.dtype) == (b.shape, b.dtype), what
        scale = max(1.0, float(numpy.abs(b[numpy.isfinite(b)]).max(initial=0)))
        numpy.testing.assert_allclose(a, b, rtol=4 * tolerance, atol=4 * tolerance * scale, err_msg=what)


@pytest.mark.parametrize("name", NAMES)
def test_a_kernel_computes_what_the_reference_does(name, threads):
    record = cases.OPS[name]
    counted = {}
    for dtype in cases.DTYPES:
        for i, sample in enumerate(cases.samples(name)):
            for track, first_only in settings(name, sample):
                with cases.running_on("numpy", None):
                    expected = outcome(name, sample, dtype, track, first_only)
                found = []
                for count in (1, 2, 3):
                    threads(count)
                    with cases.running_on("numba", None):
                        backend = _backends.get("numba")
                        for key, slot in ((name, "kernel"), (name + ".backward", "backward_kernel")):
                            if key in KERNELS:
                                counter = counted.setdefault(key, Counted(None))
                                counter.kernel = backend.kernel(key)
                                setattr(record.op, slot, counter)
                        found.append(outcome(name, sample, dtype, track, first_only))
                compare(found[0], expected, record.tolerance[dtype], f"{name}, sample {i}, {dtype}")
                for other in found[1:]:
                    for a, b in zip(found[0], other):
                        numpy.testing.assert_array_equal(
                            a, b, err_msg=f"{name}, sample {i}, {dtype}: other threads, other bits"
                        )
    assert {key for key, counter in counted.items() if counter.served} == KERNELS & {name, name + ".backward"}


@pytest.mark.parametrize("dtype", cases.DTYPES)
def test_random_numbers_have_the_same_bits(dtype):
    found = []
    x = pynn.ones(1001, dtype=getattr(pynn, dtype), requires_grad=True)
    for backend in ("numpy", "numba"):
        with pynn.backend(backend):
            pynn.manual_seed(2**40 + 7)
            y = nn.functional.dropout(x, 0.3)
            (g,) = pynn.autograd.grad(y.sum(), x)
            found.append([y.tolist(), g.tolist(), pynn.rand(77, dtype=x.dtype).tolist(), pynn.randn(5).tolist()])
    assert found[0] == found[1]


class Network(nn.Module):
    """A convolution with all that goes with it, then a recurrent layer over the rows."""

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(2, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 12, 3, stride=2, padding=1), nn.GELU(),
            nn.MaxPool2d(2),
        )  # fmt: skip
        self.recurrent, self.norm = nn.GRU(12 * 3, 10, batch_first=True), nn.LayerNorm(10)
        self.drop, self.head = nn.Dropout(0.2), nn.Linear(10, 4)

    def forward(self, x):
        y = self.features(x)
        y = self.recurrent(y.permute(0, 2, 1, 3).flatten(2))[0]
        return self.head(self.drop(self.norm(y[:, -1])))


def losses(steps=10):
    """The losses of a network trained with Adam."""
    rng = numpy.random.default_rng(3)
    pynn.manual_seed(3)
    network = Network()
    with pynn.no_grad():
        for p in network.parameters():
            p.copy_(pynn.from_numpy(0.3 * rng.standard_normal(tuple(p.shape)).astype("f4")))
    optimizer = optim.Adam(network.parameters(), 1e-2)
    x = pynn.from_numpy(rng.standard_normal((9, 2, 12, 12)).astype("f4"))
    y = pynn.from_numpy(rng.integers(0, 4, 9))
    found = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(network(x), y)
        loss.backward()
        optimizer.step()
        found.append(loss.item())
    return found


def test_a_network_trains_as_on_the_other_backends(threads):
    with cases.running_on("numpy", None):
        expected = losses()
    threads(1)
    with cases.running_on("numba", None):
        found = losses()
    numpy.testing.assert_allclose(found, expected, rtol=1e-4)
    threads(3)
    with cases.running_on("numba", None):
        assert losses() == found


def test_the_backend_can_be_chosen_for_a_block():
    x = pynn.rand(64, 64, requires_grad=True)
    with pynn.backend("numba"):
        y = (x @ x).relu().sum()
    y.backward()
    found, x.grad = x.grad, None
    with pynn.backend("numpy"):
        (x @ x).relu().sum().backward()
    assert pynn.allclose(found, x.grad, rtol=1e-5)
