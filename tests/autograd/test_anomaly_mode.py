"""detect_anomaly: which operation, in which module, called from where."""

import pytest

import pynn
from pynn import nn


@pytest.fixture
def anomalies():
    with pynn.autograd.set_detect_anomaly(True):
        yield


class Root(nn.Module):
    def forward(self, x):
        return (x * 0).sqrt() * 0  # the gradient of sqrt(0) is infinite, and 0 * inf is nan


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.ReLU(), Root()))

    def forward(self, x):
        return self.features(x)


def test_names_the_operation_and_the_line(anomalies):
    x = pynn.zeros(2, requires_grad=True)
    y = x.sqrt() * 0  # here
    with pytest.raises(RuntimeError, match="Function 'SqrtBackward0' returned nan values in its 0th output") as error:
        y.sum().backward()
    assert "y = x.sqrt() * 0  # here" in str(error.value)
    assert "in module" not in str(error.value)


def test_names_the_module(anomalies):
    y = Net()(pynn.ones(1, 2))
    with pytest.raises(RuntimeError, match=r"in module features\.1\.1 \(Root\)") as error:
        y.sum().backward()
    assert "return (x * 0).sqrt() * 0" in str(error.value)


def test_without_it_nothing_is_raised():
    x = pynn.zeros(2, requires_grad=True)
    (x.sqrt() * 0).sum().backward()
    assert x.grad.isnan().all()


def test_check_nan_can_be_off():
    x = pynn.zeros(2, requires_grad=True)
    with pynn.autograd.set_detect_anomaly(True, check_nan=False):
        assert pynn.is_anomaly_enabled()
        assert not pynn.is_anomaly_check_nan_enabled()
        (x.sqrt() * 0).sum().backward()
    assert not pynn.is_anomaly_enabled()


def test_other_errors_are_explained_too(anomalies):
    x = pynn.ones(2, requires_grad=True)
    h = x * 1
    y = h.exp()
    y.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation") as error:
        y.sum().backward()
    assert "y = h.exp()" in str(error.value)


def test_errors_of_custom_functions(anomalies):
    class Fails(pynn.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            raise RuntimeError("mine")

    y = Fails.apply(pynn.ones(2, requires_grad=True))
    with pytest.raises(RuntimeError, match=r"mine Error detected in FailsBackward\. Traceback of forward call"):
        y.sum().backward()


def test_the_function_form():
    before = pynn.is_anomaly_enabled()
    pynn.autograd.set_detect_anomaly(True)
    try:
        assert pynn.is_anomaly_enabled()
    finally:
        pynn.autograd.set_detect_anomaly(False)
    assert pynn.is_anomaly_enabled() == before


def test_warns_that_it_is_slow(lib):
    with pytest.warns(UserWarning, match="Anomaly Detection has been enabled"):
        mode = lib.autograd.detect_anomaly()
    with mode:
        assert lib.is_anomaly_enabled()
        assert lib.is_anomaly_check_nan_enabled()
    assert not lib.is_anomaly_enabled()
