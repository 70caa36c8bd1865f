"""Train a convolutional network on MNIST's handwritten digits to 99 % on its test images.

    python examples/mnist.py path/to/mnist

The folder holds the data set's own four files, packed or not (LeCun, Cortes and Burges, 1998):
train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz, t10k-images-idx3-ubyte.gz, t10k-labels-idx1-ubyte.gz.
Writes the weights to mnist.pt, or where --out says, and ends with an error below 99 %.
"""

import argparse
import gzip
import pathlib
import sys
import time

import numpy as np
from tqdm import tqdm

import pynn as torch
from pynn import nn, optim
from pynn.utils.data import DataLoader, TensorDataset


def read_idx(folder, name):
    """The array in an idx file: two zero bytes, a type code (8: bytes), the rank, the big-endian sizes, the values."""
    path = next((p for p in (folder / name, folder / f"{name}.gz") if p.is_file()), None)
    if path is None:
        sys.exit(f"There is no {name} or {name}.gz in {folder}: give the folder that has MNIST's four files.")
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    if data[:3] != b"\0\0\x08":
        sys.exit(f"{path} is no idx file of bytes: it starts with {data[:4].hex()}.")
    shape = np.frombuffer(data, ">i4", count=data[3], offset=4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * data[3]).reshape(shape)


def load(folder, part):
    """Images (N, 1, 28, 28), with mean 0 and deviation 1 over the training images, and labels (N,)."""
    images = read_idx(folder, f"{part}-images-idx3-ubyte").astype(np.float32)[:, None] / 255
    labels = read_idx(folder, f"{part}-labels-idx1-ubyte").astype(np.int64)
    return torch.from_numpy((images - np.float32(0.1307)) / np.float32(0.3081)), torch.from_numpy(labels)


def network():
    """Two convolutions and two linear layers: 28 x 28 grey pixels to 10 classes."""
    return nn.Sequential(
        nn.Conv2d(1, 32, kernel_size=3, padding=1),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, kernel_size=3, padding=1),
        nn.BatchNorm2d(64),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.3),
        nn.Linear(64 * 7 * 7, 128),
        nn.ReLU(),
        nn.Linear(128, 10),
    )


def accuracy(model, images, labels, batch_size=500):
    """The share of images that the model, in evaluation mode, reads as their labels say."""
    model.eval()
    right = 0
    with torch.no_grad():
        for x, y in zip(images.split(batch_size), labels.split(batch_size)):
            right += (model(x).argmax(dim=1) == y).sum().item()
    return right / len(labels)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("folder", type=pathlib.Path, help="where MNIST's files lie")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("mnist.pt"), help="file for the weights")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--lr", type=float, default=2e-3, help="largest learning rate of the one-cycle schedule")
    parser.add_argument("--limit", type=int, help="use only the first so many training images")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    images, labels = load(args.folder, "train")
    loader = DataLoader(
        TensorDataset(images[: args.limit], labels[: args.limit]), batch_size=args.batch_size, shuffle=True
    )
    model = network()
    criterion = nn.CrossEntropyLoss()
    optimizer = optim.Adam(model.parameters())
    schedule = optim.lr_scheduler.OneCycleLR(optimizer, args.lr, total_steps=args.epochs * len(loader))
    started = time.perf_counter()
    for epoch in range(args.epochs):
        model.train()
        with tqdm(loader, unit="batch", desc=f"epoch {epoch + 1}") as batches:
            for x, y in batches:
                optimizer.zero_grad()
                loss = criterion(model(x), y)
                loss.backward()
                optimizer.step()
                schedule.step()
                batches.set_postfix(loss=f"{loss.item():.3f}", refresh=False)
    seconds = time.perf_counter() - started
    reached = accuracy(model, *load(args.folder, "t10k"))
    torch.save(model.state_dict(), args.out)
    print(f"{100 * reached:.2f} % of the test images read right after {seconds:.0f} s; weights in {args.out}")
    if args.limit is None and reached < 0.99:
        sys.exit("This network reaches 99 % and more: something is wrong.")


if __name__ == "__main__":
    main()
