"""The VAE and GAN examples run on a tiny MNIST, learn, and write pictures."""

import sys

import pytest

import pynn

pytest.importorskip("tqdm")


def test_vae_program(example, mnist, tmp_path, monkeypatch, capsys):
    image = pytest.importorskip("PIL.Image")
    vae = example("vae")
    out = tmp_path / "out"
    options = ["--out", str(out), "--epochs", "2", "--batch-size", "8"]
    monkeypatch.setattr(sys, "argv", ["vae.py", str(mnist), *options])
    vae.main()
    losses = [float(line.split()[2]) for line in capsys.readouterr().out.splitlines() if line.startswith("epoch")]
    assert losses[1] < losses[0]
    with image.open(out / "drawn-2.png") as picture:
        assert picture.size == (8 * 30 + 2, 8 * 30 + 2)
    vae.VAE().load_state_dict(pynn.load(out / "vae.pt"))


def test_vae_loss_by_hand(example):
    vae = example("vae")
    zero = pynn.zeros(2, 3)
    # 784 pixels at even odds cost ln 2 each; a standard normal code costs nothing, one of mean 1 a half a number
    assert vae.loss_of(pynn.zeros(2, 784), pynn.zeros(2, 784), zero, zero).item() == pytest.approx(
        784 * 0.693147, rel=1e-5
    )
    dearer = vae.loss_of(pynn.zeros(2, 784), pynn.zeros(2, 784), zero + 1, zero).item()
    assert dearer == pytest.approx(784 * 0.693147 + 1.5, rel=1e-5)


def test_gan_program(example, mnist, tmp_path, monkeypatch, capsys):
    image = pytest.importorskip("PIL.Image")
    gan = example("gan")
    out = tmp_path / "out"
    monkeypatch.setattr(sys, "argv", ["gan.py", str(mnist), "--out", str(out), "--epochs", "1", "--batch-size", "16"])
    gan.main()
    assert "losses" in capsys.readouterr().out
    with image.open(out / "made-1.png") as picture:
        assert picture.size == (8 * 30 + 2, 8 * 30 + 2)
    gan.generator().load_state_dict(pynn.load(out / "generator.pt"))


def test_gan_step_moves_both(example):
    gan = example("gan")
    pynn.manual_seed(0)
    maker, judge = gan.generator(8).apply(gan.start), gan.discriminator(8).apply(gan.start)
    optimizers = [pynn.optim.Adam(m.parameters(), lr=2e-3, betas=(0.5, 0.999)) for m in (maker, judge)]
    real = pynn.ones(8, 1, 28, 28)
    before = [p.detach().clone() for m in (maker, judge) for p in m.parameters()]
    losses = [gan.step(real, maker, judge, *optimizers)[0] for _ in range(6)]
    after = [p for m in (maker, judge) for p in m.parameters()]
    assert all(not pynn.equal(a, b) for a, b in zip(before, after))
    assert losses[-1] < losses[0]
