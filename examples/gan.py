"""Train a small convolutional GAN on MNIST's digits.

    python examples/gan.py path/to/mnist

The folder holds the data set's own four files, packed or not. A generator makes 28 x 28 pixels of 64 random numbers,
a discriminator tells them from real ones (Radford, Metz and Chintala, 2015). Writes what the generator makes of the
same 64 draws after every epoch to the folder --out (needs Pillow).
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

NOISE = 64


def generator(width=32):
    """(N, NOISE, 1, 1) to images (N, 1, 28, 28) in [-1, 1]."""
    return nn.Sequential(
        nn.ConvTranspose2d(NOISE, 4 * width, 7, bias=False),
        nn.BatchNorm2d(4 * width),
        nn.ReLU(inplace=True),
        nn.ConvTranspose2d(4 * width, 2 * width, 4, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(2 * width),
        nn.ReLU(inplace=True),
        nn.ConvTranspose2d(2 * width, 1, 4, stride=2, padding=1),
        nn.Tanh(),
    )


def discriminator(width=32):
    """Images (N, 1, 28, 28) to logits (N, 1): real or made."""
    return nn.Sequential(
        nn.Conv2d(1, width, 4, stride=2, padding=1),
        nn.LeakyReLU(0.2, inplace=True),
        nn.Conv2d(width, 2 * width, 4, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(2 * width),
        nn.LeakyReLU(0.2, inplace=True),
        nn.Flatten(),
        nn.Linear(2 * width * 7 * 7, 1),
    )


def start(module):
    """The paper's starting weights."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)


def step(real, maker, judge, maker_optimizer, judge_optimizer):
    """One step of both; returns their losses."""
    ones, zeros = torch.ones(len(real), 1), torch.zeros(len(real), 1)
    made = maker(torch.randn(len(real), NOISE, 1, 1))
    judge_optimizer.zero_grad()
    judge_loss = F.binary_cross_entropy_with_logits(judge(real), ones)
    judge_loss = judge_loss + F.binary_cross_entropy_with_logits(judge(made.detach()), zeros)
    judge_loss.backward()
    judge_optimizer.step()
    maker_optimizer.zero_grad()
    maker_loss = F.binary_cross_entropy_with_logits(judge(made), ones)
    maker_loss.backward()
    maker_optimizer.step()
    return judge_loss.item(), maker_loss.item()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("folder", type=pathlib.Path, help="where MNIST's files lie")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("gan"), help="folder for the pictures")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--lr", type=float, default=2e-4)
    parser.add_argument("--limit", type=int, help="use only the first so many images")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    args.out.mkdir(parents=True, exist_ok=True)
    images = MNIST(args.folder).data[: args.limit].float().div(127.5).sub(1).unsqueeze(1)
    loader = DataLoader(
        TensorDataset(images), batch_size=args.batch_size, shuffle=True, drop_last=len(images) > args.batch_size
    )
    maker, judge = generator().apply(start), discriminator().apply(start)
    optimizers = [torch.optim.Adam(m.parameters(), lr=args.lr, betas=(0.5, 0.999)) for m in (maker, judge)]
    draws = torch.randn(64, NOISE, 1, 1)
    for epoch in range(1, args.epochs + 1):
        with tqdm(loader, unit="batch", desc=f"epoch {epoch}") as batches:
            for (real,) in batches:
                judge_loss, maker_loss = step(real, maker, judge, *optimizers)
                batches.set_postfix(judge=f"{judge_loss:.3f}", maker=f"{maker_loss:.3f}", refresh=False)
        maker.eval()
        with torch.no_grad():
            save_image(maker(draws), args.out / f"made-{epoch}.png", normalize=True, value_range=(-1, 1))
        maker.train()
        print(f"epoch {epoch}: losses {judge_loss:.3f} and {maker_loss:.3f}; pictures in {args.out}")
    torch.save(maker.state_dict(), args.out / "generator.pt")


if __name__ == "__main__":
    main()
