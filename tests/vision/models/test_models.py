"""Networks have the published number of weights, torchvision's state_dict keys and shapes, and run."""

import hashlib

import pytest

import pynn
from pynn import nn
from pynn.vision import models

# The model's name, its number of weights, and 16 digits of the SHA-256 of "key:sizes;" over its state_dict.
PUBLISHED = """
    alexnet 61100840 8a0e3588fea426c5
    convnext_tiny 28589128 014cf516cf2394ab
    densenet121 7978856 9f6973b08823707f
    efficientnet_b0 5288548 d72786050a0b4a7a
    efficientnet_b3 12233232 26104d8162d12101
    efficientnet_v2_s 21458488 e896962c25603850
    googlenet 13004888 0da12766c5f4e256
    inception_v3 27161264 7355f671513a84d6
    mnasnet0_5 2218512 aef66f6049dccd99
    mnasnet1_0 4383312 75e6e34fd6c0272a
    mobilenet_v2 3504872 87da847e87e161b0
    mobilenet_v3_large 5483032 6a9230476b400631
    mobilenet_v3_small 2542856 5fd7c21c11c64d42
    resnet18 11689512 b85c632cc23fe914
    resnet34 21797672 17045f07f0c33f65
    resnet50 25557032 4b20e0fd225eee70
    resnext50_32x4d 25028904 5b0ca09199d52c14
    shufflenet_v2_x0_5 1366792 d09aeda5076e4a64
    shufflenet_v2_x1_0 2278604 148a6fe96797dc45
    squeezenet1_0 1248424 9c729e212671f337
    squeezenet1_1 1235496 c6dcc2c66a97839e
    swin_t 28288354 207095978c9663fb
    swin_v2_t 28351570 647da164932c504d
    vgg11 132863336 132fefb698c8a9f1
    vgg11_bn 132868840 2b479ec0bb0e7df1
    vgg16 138357544 0c092ba66e3da086
    vgg16_bn 138365992 83f9e697898684b3
    vit_b_16 86567656 c95b8bdeb66d1473
    vit_b_32 88224232 c38a1ee709473fe4
    wide_resnet50_2 68883240 4f4caf42adf51890
"""
ROWS = [row.split() for row in PUBLISHED.strip().splitlines()]


@pytest.fixture
def weightless(monkeypatch):
    """Convolutions and linear layers whose weights are one number seen many times: nothing is allocated or drawn."""

    def hollow(*sizes, **_):
        shape = sizes[0] if len(sizes) == 1 and isinstance(sizes[0], tuple | list | pynn.Size) else sizes
        return pynn.zeros(1).expand(*shape) if len(shape) > 1 else pynn.zeros(*shape)

    for module in (nn.conv, nn.linear):
        monkeypatch.setattr(module, "empty", hollow)
    for name in [name for name in vars(nn.init) if name.endswith("_") and not name.startswith("_")]:
        monkeypatch.setattr(nn.init, name, lambda tensor, *_, **__: tensor)


def build(name, **options):
    if name in ("googlenet", "inception_v3"):
        options.setdefault("init_weights", False)
    return models.get_model(name, **options)


def describe(state):
    return "".join(f"{key}:{','.join(map(str, value.shape))};" for key, value in state.items())


@pytest.mark.parametrize(("name", "count", "digest"), ROWS, ids=[row[0] for row in ROWS])
def test_keys_and_shapes(weightless, name, count, digest):
    model = build(name)
    assert sum(p.numel() for p in model.parameters()) == int(count)
    assert hashlib.sha256(describe(model.state_dict()).encode()).hexdigest()[:16] == digest


def test_regnet_counts(weightless):
    for name, count in (("regnet_x_400mf", 5_495_976), ("regnet_y_400mf", 4_344_144), ("regnet_y_16gf", 83_590_140)):
        assert sum(p.numel() for p in models.get_model(name).parameters()) == count
    keys = list(models.regnet_y_400mf().state_dict())
    assert keys[0] == "stem.0.weight"
    assert "trunk_output.block1.block1-0.f.se.fc1.weight" in keys


SMALL = {
    "resnet18": 32, "alexnet": 63, "squeezenet1_1": 32, "densenet121": 32, "mobilenet_v2": 32,
    "mobilenet_v3_small": 32, "mnasnet0_5": 32, "shufflenet_v2_x0_5": 32, "efficientnet_b0": 32,
    "regnet_y_400mf": 32,
}  # fmt: skip


@pytest.mark.parametrize("name", SMALL)
def test_runs(name):
    options = {} if name == "squeezenet1_1" else {"num_classes": 7}
    model = build(name, **({"num_classes": 7} | options)).eval()
    with pynn.no_grad():
        out = model(pynn.rand(2, 3, SMALL[name], SMALL[name]))
    assert out.shape == (2, 7)
    assert pynn.isfinite(out).all()


def test_small_transformers_run_and_learn():
    x = pynn.rand(2, 3, 32, 32)
    vit = models.VisionTransformer(32, 8, 2, 2, 16, 32, num_classes=5, representation_size=12)
    swin = models.SwinTransformer([4, 4], 8, [2, 2], [2, 2], [2, 2], num_classes=5)
    second = models.SwinTransformer(
        [4, 4], 8, [2, 2], [2, 2], [4, 4], num_classes=5,
        block=models.swin_transformer.SwinTransformerBlockV2, downsample_layer=models.swin_transformer.PatchMergingV2,
    )  # fmt: skip
    config = models.convnext.CNBlockConfig
    convnext = models.ConvNeXt([config(8, 12, 1), config(12, None, 1)], num_classes=5)
    for model in (vit, swin, second, convnext):
        out = model(x)
        assert out.shape == (2, 5)
        out.square().sum().backward()
        assert all(p.grad is not None for p in model.parameters())


def test_auxiliary_heads_speak_in_training_only():
    model = models.googlenet(num_classes=3, init_weights=False)
    x = pynn.rand(2, 3, 64, 64)
    out = model(x)
    assert type(out).__name__ == "GoogLeNetOutputs"
    assert [o.shape for o in out] == [(2, 3)] * 3
    assert model.eval()(x).shape == (2, 3)
    assert models.googlenet(num_classes=3, init_weights=False, aux_logits=False)(x).shape == (2, 3)


def test_resnet_options():
    dilated = models.ResNet(
        models.resnet.Bottleneck, [1, 1, 1, 2], num_classes=2, replace_stride_with_dilation=[False, True, True]
    )
    assert dilated.layer4[1].conv2.dilation == (4, 4)
    with pytest.raises(ValueError, match="3-element"):
        models.resnet50(replace_stride_with_dilation=[True])
    with pytest.raises(NotImplementedError, match="Dilation > 1"):
        models.resnet18(replace_stride_with_dilation=[True, False, False])
    zero = models.ResNet(models.resnet.BasicBlock, [1, 1, 1, 1], 2, zero_init_residual=True)
    assert zero.layer1[0].bn2.weight.abs().sum() == 0


def test_densenet_reads_the_published_files_keys():
    model = models.DenseNet(4, (2, 2), 8, num_classes=2)
    old = {
        key.replace("norm1.", "norm.1.").replace("conv2.", "conv.2."): value
        for key, value in model.state_dict().items()
    }
    assert any("norm.1." in key for key in old)
    model.load_state_dict(old)


def test_memory_efficient_densenet_gives_the_same_gradient():
    pytest.importorskip("pynn.utils.checkpoint")
    plain = models.DenseNet(4, (2, 2), 8, num_classes=2)
    saving = models.DenseNet(4, (2, 2), 8, num_classes=2, memory_efficient=True)
    saving.load_state_dict(plain.state_dict())
    x = pynn.rand(2, 3, 32, 32)
    for model in (plain, saving):
        model(x).sum().backward()
    for a, b in zip(plain.parameters(), saving.parameters()):
        assert pynn.allclose(a.grad, b.grad, atol=1e-5)


def test_weights_from_a_file(tmp_path):
    model = models.squeezenet1_1(num_classes=4)
    pynn.save({"state_dict": model.state_dict()}, tmp_path / "own.pth")
    again = models.squeezenet1_1(num_classes=4, weights=tmp_path / "own.pth")
    assert all(pynn.equal(a, b) for a, b in zip(model.parameters(), again.parameters()))


def test_named_weights_come_from_the_hub_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    members = models.SqueezeNet1_1_Weights
    with pytest.raises(FileNotFoundError, match=r"squeezenet1_1-b8a52dc0\.pth.*downloads no weights"):
        models.squeezenet1_1(weights=members.DEFAULT)
    model = models.squeezenet1_1()
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    pynn.save(model.state_dict(), folder / "squeezenet1_1-b8a52dc0.pth")
    for named in (members.IMAGENET1K_V1, "DEFAULT", "IMAGENET1K_V1", True):
        again = models.squeezenet1_1(weights=named)
        assert pynn.equal(again.features[0].weight, model.features[0].weight)
    with pytest.raises(ValueError, match="num_classes"):
        models.squeezenet1_1(weights=members.DEFAULT, num_classes=3)
    with pytest.raises(TypeError, match="Invalid weights"):
        models.squeezenet1_1(weights=models.ResNet18_Weights.DEFAULT)
    with pytest.warns(UserWarning, match="pretrained"):
        models.squeezenet1_1(pretrained=True)


def test_inception_with_weights_drops_or_keeps_its_head(tmp_path):
    model = models.googlenet(init_weights=False, num_classes=3)
    pynn.save(model.state_dict(), tmp_path / "g.pth")
    again = models.googlenet(weights=tmp_path / "g.pth", num_classes=3)
    assert again.aux1 is None
    assert again.transform_input


def test_what_asks_for_no_weights():
    assert models.squeezenet1_1(None).num_classes == 1000
    assert models.squeezenet1_1(False).num_classes == 1000
    with pytest.raises(FileNotFoundError, match="there is no file"):
        models.resnet18(weights="nowhere.pth")
    with pytest.raises(TypeError, match="one positional argument"):
        models.resnet18(None, True)


def test_finding_models():
    names = models.list_models()
    assert names == sorted(names)
    assert {"resnet50", "vgg16", "vit_b_16"} <= set(names)
    assert models.list_models(include="resnet*", exclude="*1*") == ["resnet34", "resnet50"]
    assert models.list_models(module=models.vgg) == [n for n in names if n.startswith("vgg")]
    assert models.get_model_builder("ResNet18") is models.resnet18
    with pytest.raises(ValueError, match="Unknown model"):
        models.get_model("resnet19")
    with pytest.raises(AttributeError):
        models.no_such_model  # noqa: B018


def test_weights_say_how_pictures_are_prepared():
    weights = models.get_weight("ResNet50_Weights.IMAGENET1K_V2")
    assert weights is models.ResNet50_Weights.DEFAULT is models.get_model_weights("resnet50").DEFAULT
    assert weights is models.resnet.ResNet50_Weights.DEFAULT
    prepare = weights.transforms()
    assert (prepare.crop_size, prepare.resize_size) == ([224], [232])
    assert prepare(pynn.zeros(3, 50, 60, dtype=pynn.uint8)).shape == (3, 224, 224)
    with pytest.raises(ValueError, match="Invalid weight name"):
        models.get_weight("ResNet50_Weights.V9")


def test_layers_from_the_middle():
    body = models.IntermediateLayerGetter(models.resnet18(), {"layer1": "low", "layer3": "high"})
    out = body(pynn.rand(1, 3, 32, 32))
    assert {name: tuple(value.shape) for name, value in out.items()} == {"low": (1, 64, 8, 8), "high": (1, 256, 2, 2)}
    assert "layer4" not in body
    with pytest.raises(ValueError, match="not present"):
        models.IntermediateLayerGetter(models.resnet18(), {"layer9": "x"})
