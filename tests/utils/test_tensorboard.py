"""What SummaryWriter writes, read back from its files."""

import builtins
import importlib
import os
import struct
import sys
import warnings

import numpy
import pytest

import pynn

tensorboardX = pytest.importorskip("tensorboardX")


def events(folder):
    from tensorboardX.proto.event_pb2 import Event

    found = []
    for name in sorted(os.listdir(folder)):
        if "tfevents" not in name:
            continue
        with open(os.path.join(folder, name), "rb") as file:
            while head := file.read(8):
                (size,) = struct.unpack("<Q", head)
                file.read(4)
                found.append(Event.FromString(file.read(size)))
                file.read(4)
    return found


def values(folder):
    return [(value.tag, event.step, value) for event in events(folder) for value in event.summary.value]


@pytest.fixture
def writer(tmp_path):
    from pynn.utils.tensorboard import SummaryWriter

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with SummaryWriter(log_dir=tmp_path / "run") as made:
            yield made


def test_scalars(writer):
    writer.add_scalar("loss", pynn.tensor(0.5), 3)
    writer.add_scalar("loss", pynn.tensor([2.5], requires_grad=True), pynn.tensor(4))
    writer.add_scalar("half", pynn.tensor(1.5).bfloat16(), global_step=1, new_style=True)
    writer.add_scalar("plain", 7, walltime=12.0)
    writer.add_scalars("both", {"train": pynn.tensor(1.0), "val": 2.0}, 5)
    writer.close()
    found = [(tag, step, value.simple_value) for tag, step, value in values(writer.log_dir)]
    assert found[:4] == [("loss", 3, 0.5), ("loss", 4, 2.5), ("half", 1, 1.5), ("plain", 0, 7.0)]
    assert [v.simple_value for _, _, v in values(os.path.join(writer.get_logdir(), "both", "train"))] == [1.0]


def test_histogram_and_curve(writer):
    writer.add_histogram("h", pynn.arange(10.0, requires_grad=True), 1)
    writer.add_histogram("auto", pynn.arange(10), 1, bins="auto")
    writer.add_pr_curve("pr", pynn.tensor([0, 1, 1]), pynn.tensor([0.1, 0.9, 0.4]), 2)
    writer.close()
    found = values(writer.log_dir)
    assert [tag for tag, _, _ in found] == ["h", "auto", "pr"]
    assert found[0][2].histo.num == 10
    assert found[0][2].histo.sum == 45


def test_images_figures_and_text(writer):
    from PIL import Image

    picture = pynn.zeros(3, 4, 6)
    picture[0] = 1
    writer.add_image("one", picture, 1)
    writer.add_image("grey", (picture[0] * 255).to(pynn.uint8), 1, dataformats="HW")
    writer.add_images("many", pynn.stack([picture, picture]), 1)
    writer.add_text("note", "hello", 1)
    writer.close()
    found = {tag: value for tag, _, value in values(writer.log_dir)}
    assert (found["one"].image.height, found["one"].image.width) == (4, 6)
    import io

    image = numpy.asarray(Image.open(io.BytesIO(found["one"].image.encoded_image_string)))
    assert image.shape == (4, 6, 3)
    assert (image == [255, 0, 0]).all()
    assert found["grey"].image.colorspace in (1, 3)
    assert "many" in found
    assert any(tag.startswith("note") for tag in found)
    pytest.importorskip("matplotlib").use("Agg")
    from matplotlib import pyplot

    figure = pyplot.figure(figsize=(1, 1))
    writer.add_figure("plot", figure, 2)
    writer.close()
    assert "plot" in [tag for tag, _, _ in values(writer.log_dir)]


def test_hparams_and_embedding(writer):
    writer.add_hparams({"lr": pynn.tensor(0.1), "name": "sgd"}, {"accuracy": pynn.tensor(0.75)}, run_name="r")
    found = values(os.path.join(writer.log_dir, "r"))
    assert [value.simple_value for tag, _, value in found if tag == "accuracy"] == [0.75]
    assert any(tag == "_hparams_/experiment" for tag, _, _ in found)
    with pytest.raises(TypeError, match="should be dictionary"):
        writer.add_hparams([], {})
    writer.add_embedding(
        pynn.arange(6.0).view(3, 2), metadata=["a", "b", "c"], label_img=pynn.rand(3, 3, 4, 4), global_step=1
    )
    folder = next(path for path, _, names in os.walk(writer.log_dir) if "tensors.tsv" in names)
    with open(os.path.join(folder, "tensors.tsv")) as file:
        assert [float(x) for x in file.readline().split()] == [0, 1]


def test_what_is_not_there(writer):
    with pytest.raises(NotImplementedError, match="traced program"):
        writer.add_graph(pynn.nn.Linear(1, 1), pynn.ones(1))
    with pytest.raises(NotImplementedError, match="add_histogram"):
        writer.add_tensor("t", pynn.ones(2))


def test_without_tensorboardx(monkeypatch):
    for name in [n for n in sys.modules if n.startswith(("pynn.utils.tensorboard", "tensorboardX"))]:
        monkeypatch.delitem(sys.modules, name)
    real = builtins.__import__

    def refuse(name, *args, **kwargs):
        if name.startswith("tensorboardX"):
            raise ImportError("no module")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(ImportError, match="pip install tensorboardX"):
        importlib.import_module("pynn.utils.tensorboard")
