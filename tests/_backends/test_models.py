"""The same program on every backend: ten steps of Adam on a convolutional and recurrent model give the same losses."""

import pytest

import pynn
import pynn.nn.functional as F
from pynn import nn
from tests import gpu


class Model(nn.Module):
    """Images as sequences of rows: convolutions, then a GRU over the rows of their features."""

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 6, 3, padding=1),
            nn.BatchNorm2d(6),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(6, 8, 3, padding=1),
            nn.GELU(),
        )
        self.rows = nn.GRU(8 * 4, 12, batch_first=True)
        self.norm = nn.LayerNorm(12)
        self.out = nn.Linear(12, 5)

    def forward(self, x):
        x = self.features(x).permute(0, 2, 1, 3).flatten(2)
        x = self.norm(self.rows(x)[0][:, -1])
        return self.out(F.dropout(x, 0.2, self.training))


def losses():
    """Those of ten steps, on whatever device new tensors lie."""
    pynn.manual_seed(3)
    model = Model()
    optimizer = pynn.optim.Adam(model.parameters(), 0.01)
    images, labels = pynn.randn(16, 1, 8, 8), pynn.randint(0, 5, (16,))
    found = []
    for _ in range(10):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        found.append(loss.item())
    return found


@pytest.fixture(scope="module", autouse=True)
def cupy():
    with gpu.present() as module:
        yield module


@pytest.fixture(scope="module")
def expected():
    with pynn.backend("numpy"):
        return losses()


@pytest.mark.parametrize("name", list(pynn._backends.BACKENDS))
def test_ten_steps_give_the_same_losses(name, expected):
    backend = pynn._backends.BACKENDS[name]
    if not backend.available:
        pytest.skip(backend.reason)
    with pynn.backend(name):
        found = losses()
    assert found[-1] < found[0]
    assert found == pytest.approx(expected, abs=1e-4)
    assert pynn.zeros(1).device == pynn.device("cpu")
