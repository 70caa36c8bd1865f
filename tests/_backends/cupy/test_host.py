"""What the CPU serves for a GPU's tensors: it is listed, and its results and gradients come back to the GPU."""

import pathlib

import pynn
from pynn._backends.cupy.host import SERVED, kernels
from tests import cases, gpu

LIST = pathlib.Path(__file__).parent.parent / "host_served.txt"


def test_what_the_cpu_serves_is_listed():
    assert list(SERVED) == LIST.read_text().split(), "the list of ops that the CPU serves may only shrink"
    assert list(SERVED) == sorted(set(SERVED))
    assert {name.removesuffix(".backward") for name in SERVED} <= {*cases.names()}
    assert set(kernels()) == set(SERVED)


def test_results_and_gradients_come_back():
    matrix = pynn.tensor([[4.0, 1.0], [2.0, 3.0]])
    found = []
    for x in (matrix.clone(), matrix.cuda()):
        x.requires_grad_()
        factors, pivots = pynn.linalg.lu_factor(x)
        factors.square().sum().backward()
        assert factors.device == pivots.device == x.grad.device == x.device
        found.append([gpu.host(t.detach()).tolist() for t in (factors, pivots, x.grad)])
    assert found[0] == found[1]


def test_what_an_op_writes_is_written_on_the_gpu():
    target = pynn.zeros(3).cuda()
    held = target._array
    target.scatter_reduce_(0, pynn.tensor([0, 2, 2]).cuda(), pynn.tensor([1.0, 2.0, 3.0]).cuda(), "sum")
    assert target._array is held
    assert gpu.host(target).tolist() == [1.0, 0.0, 5.0]
