"""Train a variational autoencoder on MNIST's digits and draw new ones.

    python examples/vae.py path/to/mnist

The folder holds the data set's own four files, packed or not. Kingma and Welling, 2013: an encoder to the mean and
deviation of 20 numbers, a decoder back. After every epoch writes digits read and redrawn, and digits made of nothing,
to the folder --out (needs Pillow).
"""

import argparse
import pathlib

from tqdm import tqdm

import pynn as torch
from pynn import nn
from pynn.nn import functional as F
from pynn.utils.data import DataLoader, TensorDataset
from pynn.vision.datasets import MNIST
from pynn.vision.utils import save_image


class VAE(nn.Module):
    """Pixels (N, 784) in [0, 1] to logits of pixels, means and log variances (N, latent)."""

    def __init__(self, hidden=400, latent=20):
        super().__init__()
        self.latent = latent
        self.encoder = nn.Sequential(nn.Linear(784, hidden), nn.ReLU())
        self.mean, self.log_variance = nn.Linear(hidden, latent), nn.Linear(hidden, latent)
        self.decoder = nn.Sequential(nn.Linear(latent, hidden), nn.ReLU(), nn.Linear(hidden, 784))

    def forward(self, x):
        hidden = self.encoder(x)
        mean, log_variance = self.mean(hidden), self.log_variance(hidden)
        noise = torch.randn_like(mean)
        return self.decoder(mean + noise * torch.exp(0.5 * log_variance)), mean, log_variance


def loss_of(logits, x, mean, log_variance):
    """The negative evidence bound of a batch, in nats an image: what is lost of the pixels, and what the code costs."""
    pixels = F.binary_cross_entropy_with_logits(logits, x, reduction="sum")
    code = -0.5 * torch.sum(1 + log_variance - mean.pow(2) - log_variance.exp())
    return (pixels + code) / len(x)


def pixels_of(folder, train, limit):
    """The data set's images as (N, 784) in [0, 1]."""
    return MNIST(folder, train=train).data[:limit].float().div(255).flatten(1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("folder", type=pathlib.Path, help="where MNIST's files lie")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("vae"), help="folder for the pictures")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--limit", type=int, help="use only the first so many images")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    args.out.mkdir(parents=True, exist_ok=True)
    train, test = pixels_of(args.folder, True, args.limit), pixels_of(args.folder, False, args.limit)
    loader = DataLoader(TensorDataset(train), batch_size=args.batch_size, shuffle=True)
    model = VAE()
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
    for epoch in range(1, args.epochs + 1):
        model.train()
        for (x,) in tqdm(loader, unit="batch", desc=f"epoch {epoch}"):
            optimizer.zero_grad()
            logits, mean, log_variance = model(x)
            loss_of(logits, x, mean, log_variance).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            losses = [loss_of(model(x)[0], x, *model(x)[1:]).item() * len(x) for x in test.split(500)]
            redrawn = model(test[:8])[0].sigmoid()
            drawn = model.decoder(torch.randn(64, model.latent)).sigmoid()
        save_image(torch.cat([test[:8], redrawn]).view(-1, 1, 28, 28), args.out / f"redrawn-{epoch}.png")
        save_image(drawn.view(-1, 1, 28, 28), args.out / f"drawn-{epoch}.png")
        print(f"epoch {epoch}: {sum(losses) / len(test):.2f} nats an image of the test set; pictures in {args.out}")
    torch.save(model.state_dict(), args.out / "vae.pt")


if __name__ == "__main__":
    main()
