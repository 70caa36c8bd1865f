"""Train a small GPT on a text, character by character, and let it go on writing.

    python examples/gpt.py --steps 500 --prompt "Return "
    python examples/gpt.py --text my.txt --layers 6 --heads 6 --width 384 --context 256 --dropout 0.2 --steps 5000

Without --text it reads what ships with Python: the documentation of its modules. The network is a
decoder of pre-norm transformer blocks with tied weights in and out (Radford et al., 2019), trained by AdamW with a
warm-up and a cosine. Writes the weights to gpt.pt, or where --out says.
"""

import argparse
import importlib
import inspect
import math
import pathlib
import time

from tqdm import tqdm

import pynn as torch
from pynn import nn
from pynn.nn import functional as F

MODULES = (
    "argparse ast asyncio collections csv datetime decimal email enum functools heapq inspect itertools json logging \
math os pathlib pickle random re shutil socket sqlite3 statistics string subprocess textwrap threading unittest"
)


def default_text():
    """Python's own words: the docstrings of well-known modules, their classes and functions."""
    words = []
    for name in MODULES.split():
        module = importlib.import_module(name)
        words.append(module.__doc__)
        found = (
            value for _, value in sorted(vars(module).items()) if inspect.isclass(value) or inspect.isroutine(value)
        )
        words += [value.__doc__ for value in found]
    return "\n\n".join(dict.fromkeys(text for text in words if isinstance(text, str)))


class Attention(nn.Module):
    """Causal self-attention: (batch, time, width) to the same."""

    def __init__(self, width, heads, dropout):
        super().__init__()
        if width % heads:
            raise ValueError(f"the width, {width}, has to be a multiple of the heads, {heads}")
        self.heads, self.dropout = heads, dropout
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x):
        batch, time_, width = x.shape
        q, k, v = self.qkv(x).view(batch, time_, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        dropout = self.dropout if self.training else 0.0
        y = F.scaled_dot_product_attention(q, k, v, dropout_p=dropout, is_causal=True)
        return F.dropout(self.out(y.transpose(1, 2).reshape(batch, time_, width)), self.dropout, self.training)


class Block(nn.Module):
    """Attention and a perceptron, each behind a norm and beside a shortcut."""

    def __init__(self, width, heads, dropout):
        super().__init__()
        self.attention_norm, self.mlp_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = Attention(width, heads, dropout)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width), nn.Dropout(dropout)
        )

    def forward(self, x):
        x = x + self.attention(self.attention_norm(x))
        return x + self.mlp(self.mlp_norm(x))


class GPT(nn.Module):
    """Characters (batch, time), time at most `context`, to scores of the next ones (batch, time, characters)."""

    def __init__(self, characters, context, layers, heads, width, dropout=0.0):
        super().__init__()
        self.context = context
        self.tokens = nn.Embedding(characters, width)
        self.places = nn.Embedding(context, width)
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.Sequential(*(Block(width, heads, dropout) for _ in range(layers)))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, characters, bias=False)
        self.head.weight = self.tokens.weight
        for name, p in self.named_parameters():
            if p.dim() > 1:  # what is added to the shortcut starts smaller, the more there is of it
                last = name.endswith(("attention.out.weight", "mlp.2.weight"))
                nn.init.normal_(p, std=0.02 / math.sqrt(2 * layers) if last else 0.02)
            elif name.endswith("bias"):
                nn.init.zeros_(p)

    def forward(self, tokens):
        x = self.tokens(tokens) + self.places(torch.arange(tokens.shape[1]))
        return self.head(self.norm(self.blocks(self.dropout(x))))

    @torch.no_grad()
    def generate(self, tokens, count, temperature=1.0, top_k=None):
        """tokens (batch, time) and `count` more, drawn one by one; of the top_k likeliest where given."""
        self.eval()
        for _ in range(count):
            scores = self(tokens[:, -self.context :])[:, -1] / temperature
            if top_k is not None:
                least = scores.topk(min(top_k, scores.shape[-1]))[0][:, -1:]
                scores = scores.masked_fill(scores < least, -math.inf)
            tokens = torch.cat([tokens, torch.multinomial(scores.softmax(-1), 1)], 1)
        return tokens


def batch_of(data, size, context):
    """`size` random stretches of the text and the same moved on by one, both (size, context)."""
    starts = torch.randint(0, len(data) - context, (size, 1))
    places = starts + torch.arange(context)
    return data[places], data[places + 1]


def optimizer_for(model, lr):
    """AdamW, with weight decay on matrices alone."""
    parts = {True: [], False: []}
    for p in model.parameters():
        parts[p.dim() > 1].append(p)
    groups = [{"params": parts[True], "weight_decay": 0.1}, {"params": parts[False], "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=lr, betas=(0.9, 0.95))


def train(model, data, held_out, steps, batch_size, lr):
    """Train for so many steps; returns the mean loss on held-out text, in nats a character."""
    optimizer = optimizer_for(model, lr)
    warm = max(1, steps // 20)
    cosine = lambda step: 0.1 + 0.45 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))  # noqa: E731
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: (step + 1) / warm if step < warm else cosine(step)
    )
    model.train()
    with tqdm(range(steps), unit="step") as progress:
        for step in progress:
            x, y = batch_of(data, batch_size, model.context)
            loss = F.cross_entropy(model(x).flatten(0, 1), y.flatten())
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            if step % 10 == 0:
                progress.set_postfix(loss=f"{loss.item():.3f}", refresh=False)
    model.eval()
    with torch.no_grad():
        losses = []
        for _ in range(10):
            x, y = batch_of(held_out, batch_size, model.context)
            losses.append(F.cross_entropy(model(x).flatten(0, 1), y.flatten()).item())
    return sum(losses) / len(losses)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--text", type=pathlib.Path, help="a text file to learn from")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("gpt.pt"), help="file for the weights")
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--heads", type=int, default=4)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--context", type=int, default=64, help="how many characters the network sees at once")
    parser.add_argument("--dropout", type=float, default=0.0)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--prompt", default="\n", help="what the sample begins with")
    parser.add_argument("--sample", type=int, default=300, help="how many characters to write")
    parser.add_argument("--temperature", type=float, default=0.8)
    parser.add_argument("--top-k", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    text = args.text.read_text() if args.text else default_text()
    characters = sorted(set(text) | set(args.prompt))
    number = {c: i for i, c in enumerate(characters)}
    data = torch.tensor([number[c] for c in text])
    split = len(data) * 9 // 10
    if len(data) - split <= args.context:
        raise SystemExit(
            f"The text has {len(data)} characters; a context of {args.context} needs more than {10 * args.context}."
        )
    model = GPT(len(characters), args.context, args.layers, args.heads, args.width, args.dropout)
    size = sum(p.numel() for p in model.parameters())
    print(f"{len(text):,} characters, {len(characters)} different ones; {size:,} weights")
    started = time.perf_counter()
    loss = train(model, data[:split], data[split:], args.steps, args.batch_size, args.lr)
    torch.save({"model": model.state_dict(), "characters": "".join(characters)}, args.out)
    print(
        f"held-out text: {loss:.3f} nats a character after {time.perf_counter() - started:.0f} s; weights in {args.out}"
    )
    start = torch.tensor([[number[c] for c in args.prompt]])
    written = model.generate(start, args.sample, args.temperature, args.top_k)
    print("".join(characters[i] for i in written[0].tolist()))


if __name__ == "__main__":
    main()
