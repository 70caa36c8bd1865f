"""Train a small convolutional network on scanned handwritten digits, and look at what it learned.

    python examples/digits.py --out out

The data are scikit-learn's bundled 1,797 scans of 8 x 8 pixels (Alpaydin and Kaynak, 1998);
nothing is downloaded. Writes into the folder given by --out:

    learning_curve.png     loss and accuracy by epoch
    confusion_matrix.png   which digits are taken for which
    misread.png            the held-out digits that the network reads wrongly
    digits.pt              the trained weights

and ends by loading the weights in a new process, which predicts with them.
"""

import argparse
import pathlib
import subprocess
import sys
import time

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from tqdm import tqdm

import pynn as torch
from pynn import nn, optim
from pynn.utils.data import DataLoader, TensorDataset


class DigitNet(nn.Module):
    """Two convolutions, a pooling and two linear layers: 8 x 8 grey pixels to 10 classes."""

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 16, kernel_size=3, padding=1),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.Conv2d(16, 32, kernel_size=3, padding=1),
            nn.BatchNorm2d(32),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Dropout(0.25),
        )
        self.classifier = nn.Sequential(
            nn.Flatten(), nn.Linear(32 * 4 * 4, 64), nn.ReLU(), nn.Dropout(0.25), nn.Linear(64, 10)
        )

    def forward(self, x):
        """Logits (N, 10) of images (N, 1, 8, 8)."""
        return self.classifier(self.features(x))


def load_data():
    """(train images, train labels, held-out images, held-out labels); 30 % are held out, by class alike."""
    digits = load_digits()
    images = (digits.images / 16.0).astype(np.float32)[:, None]
    train_x, test_x, train_y, test_y = train_test_split(
        images, digits.target.astype(np.int64), test_size=0.3, random_state=0, stratify=digits.target
    )
    return tuple(torch.from_numpy(np.ascontiguousarray(a)) for a in (train_x, train_y, test_x, test_y))


def evaluate(model, x, y):
    """(mean loss, accuracy, predicted classes)."""
    model.eval()
    with torch.no_grad():
        logits = model(x)
        loss = nn.functional.cross_entropy(logits, y).item()
        predicted = logits.argmax(dim=1)
    return loss, (predicted == y).float().mean().item(), predicted


def train(model, data, epochs, batch_size, lr):
    """Train and return the history: one (train loss, held-out loss, held-out accuracy) an epoch."""
    train_x, train_y, test_x, test_y = data
    loader = DataLoader(TensorDataset(train_x, train_y), batch_size=batch_size, shuffle=True)
    criterion = nn.CrossEntropyLoss()
    optimizer = optim.Adam(model.parameters(), lr=lr)
    scheduler = optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs)
    history = []
    with tqdm(total=epochs * len(loader), unit="batch", desc="training") as progress:
        for _ in range(epochs):
            model.train()
            total = 0.0
            for x, y in loader:
                optimizer.zero_grad()
                loss = criterion(model(x), y)
                loss.backward()
                optimizer.step()
                total += loss.item() * len(x)
                progress.update()
            scheduler.step()
            test_loss, accuracy, _ = evaluate(model, test_x, test_y)
            history.append((total / len(train_x), test_loss, accuracy))
            progress.set_postfix(loss=f"{history[-1][0]:.3f}", held_out=f"{100 * accuracy:.1f} %")
    return history


def draw(history, predicted, data, out):
    """Write the three pictures into the folder `out`."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from sklearn.metrics import ConfusionMatrixDisplay

    _, _, test_x, test_y = data
    epochs = range(1, len(history) + 1)
    train_loss, test_loss, accuracy = zip(*history)
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.5), layout="constrained")
    left.plot(epochs, train_loss, label="training")
    left.plot(epochs, test_loss, label="held out")
    left.set(xlabel="epoch", ylabel="cross-entropy", title="Loss")
    left.legend()
    right.plot(epochs, [100 * a for a in accuracy], color="tab:green")
    for axes in (left, right):
        axes.xaxis.get_major_locator().set_params(integer=True)
    right.set(xlabel="epoch", ylabel="held-out accuracy, %", title=f"{100 * accuracy[-1]:.2f} % at the end")
    figure.savefig(out / "learning_curve.png", dpi=120)

    figure, axes = plt.subplots(figsize=(5, 4.6), layout="constrained")
    ConfusionMatrixDisplay.from_predictions(test_y.numpy(), predicted.numpy(), ax=axes, cmap="Blues", colorbar=False)
    axes.set_title("Held-out digits")
    figure.savefig(out / "confusion_matrix.png", dpi=120)

    wrong = (predicted != test_y).nonzero().flatten().tolist()
    columns = min(8, max(3, len(wrong)))
    rows = max(1, -(-len(wrong) // columns))
    figure, axes = plt.subplots(
        rows, columns, figsize=(1.3 * columns, 1.6 * rows + 0.5), layout="constrained", squeeze=False
    )
    figure.suptitle(f"{len(wrong)} of {len(test_y)} held-out digits misread")
    for place in axes.flat:
        place.axis("off")
    for place, i in zip(axes.flat, wrong):
        place.imshow(test_x[i, 0].numpy(), cmap="gray_r")
        place.set_title(f"{test_y[i].item()} read as {predicted[i].item()}", fontsize=8)
    figure.savefig(out / "misread.png", dpi=120)


def predict_in_new_process(weights):
    """Load the weights elsewhere and return what that process predicts for the held-out digits."""
    run = subprocess.run(
        [sys.executable, __file__, "--predict", str(weights)], check=True, capture_output=True, text=True
    )
    return [int(digit) for digit in run.stdout.split()]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("out"), help="folder for pictures and weights")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--lr", type=float, default=3e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--predict", type=pathlib.Path, metavar="WEIGHTS", help="load weights and print predictions only"
    )
    args = parser.parse_args()

    data = load_data()
    model = DigitNet()
    if args.predict:
        model.load_state_dict(torch.load(args.predict))
        print(*evaluate(model, data[2], data[3])[2].tolist())
        return

    args.out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(args.seed)
    model = DigitNet()
    print(
        f"{sum(p.numel() for p in model.parameters())} weights, {len(data[0])} digits to train on, {len(data[2])} held out"
    )
    started = time.perf_counter()
    history = train(model, data, args.epochs, args.batch_size, args.lr)
    seconds = time.perf_counter() - started
    _, accuracy, predicted = evaluate(model, data[2], data[3])
    draw(history, predicted, data, args.out)

    weights = args.out / "digits.pt"
    torch.save(model.state_dict(), weights)
    again = predict_in_new_process(weights)
    if again != predicted.tolist():
        sys.exit("The saved model predicts otherwise in a new process: please report this.")
    print(
        f"held-out accuracy {100 * accuracy:.2f} % after {seconds:.1f} s; a new process predicts the same from {weights}"
    )
    print(
        "pictures: "
        + ", ".join(str(args.out / name) for name in ("learning_curve.png", "confusion_matrix.png", "misread.png"))
    )
    if accuracy < 0.975:
        sys.exit(f"The accuracy, {100 * accuracy:.2f} %, is below the 97.5 % that this network reaches.")


if __name__ == "__main__":
    main()
