"""The GPT example: it learns a short text by heart and goes on with it."""

import sys

import pytest

import pynn


@pytest.fixture(scope="module")
def gpt(example):
    pytest.importorskip("tqdm")
    return example("gpt")


def test_default_text_is_long_and_the_same_every_time(gpt):
    text = gpt.default_text()
    assert len(text) > 50_000
    assert text == gpt.default_text()


def test_sees_only_the_past(gpt):
    pynn.manual_seed(0)
    model = gpt.GPT(10, 8, 2, 2, 16).eval()
    a = pynn.tensor([[1, 2, 3, 4, 5]])
    b = pynn.tensor([[1, 2, 3, 9, 9]])
    assert pynn.allclose(model(a)[:, :3], model(b)[:, :3], atol=1e-6)
    assert not pynn.allclose(model(a)[:, 3:], model(b)[:, 3:], atol=1e-3)


def test_weights_in_and_out_are_one(gpt):
    model = gpt.GPT(10, 8, 1, 2, 16)
    assert model.head.weight is model.tokens.weight


def test_a_width_that_heads_do_not_divide(gpt):
    with pytest.raises(ValueError, match="multiple of the heads"):
        gpt.GPT(10, 8, 1, 3, 16)


def test_learns_and_writes(gpt):
    pynn.manual_seed(0)
    data = pynn.tensor(list(range(7)) * 40)
    model = gpt.GPT(7, 8, 1, 2, 16)
    assert gpt.train(model, data, data, 60, 16, 1e-2) < 0.3  # chance: ln 7 = 1.95
    written = model.generate(pynn.tensor([[0, 1, 2, 3, 4]]), 12, temperature=0.1, top_k=1)
    assert written.tolist() == [[(i % 7) for i in range(17)]]


def test_the_program(gpt, tmp_path, monkeypatch, capsys):
    text = tmp_path / "text.txt"
    text.write_text("the quick brown fox jumps over the lazy dog. " * 30)
    out = tmp_path / "gpt.pt"
    options = [
        "--steps",
        "3",
        "--layers",
        "1",
        "--heads",
        "2",
        "--width",
        "16",
        "--context",
        "16",
        "--batch-size",
        "4",
        "--sample",
        "20",
        "--prompt",
        "the",
    ]
    monkeypatch.setattr(sys, "argv", ["gpt.py", "--text", str(text), "--out", str(out), *options])
    gpt.main()
    shown = capsys.readouterr().out
    assert "nats a character" in shown
    assert shown.rstrip("\n").split("\n")[-1].startswith("the")
    saved = pynn.load(out)
    assert saved["characters"] == "".join(sorted(set(text.read_text())))


def test_a_text_too_short(gpt, tmp_path, monkeypatch):
    text = tmp_path / "text.txt"
    text.write_text("too short")
    monkeypatch.setattr(sys, "argv", ["gpt.py", "--text", str(text)])
    with pytest.raises(SystemExit, match="needs more than"):
        gpt.main()
