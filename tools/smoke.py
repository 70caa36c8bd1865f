"""Whether an installed pynn works: trains a small network with every kind of layer, saves, loads, compares."""

import pathlib
import tempfile

import pynn as torch
from pynn import nn


class Net(nn.Module):
    """A convolution over a picture's rows, then a recurrent layer along them."""

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.GELU(), nn.MaxPool2d(2))
        self.memory = nn.LSTM(4 * 4, 16, batch_first=True)
        self.head = nn.Linear(16, 2)

    def forward(self, x):
        """(N, 1, 8, 8) -> (N, 2)"""
        maps = self.features(x).transpose(1, 2).flatten(2)
        return self.head(self.memory(maps)[0][:, -1])


def main():
    torch.manual_seed(0)
    x = torch.randn(64, 1, 8, 8)
    y = (x.mean(dim=(1, 2, 3)) > 0).long()
    net = Net()
    optimizer = torch.optim.Adam(net.parameters(), lr=0.02)
    for _ in range(60):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(net(x), y)
        loss.backward()
        optimizer.step()
    if not loss.item() < 0.2:
        raise SystemExit(f"the network did not learn: its loss is {loss.item():.3f} after 60 steps")
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "net.pt")
        torch.save(net.state_dict(), path)
        again = Net()
        again.load_state_dict(torch.load(path))
    if not torch.equal(again.eval()(x), net.eval()(x)):
        raise SystemExit("the loaded network computes something else")
    config = torch._config.config()
    print(
        f"smoke test passed: pynn {config['version']}, core {config['core']}, isa {config['isa']}, loss {loss.item():.4f}"
    )


if __name__ == "__main__":
    main()
