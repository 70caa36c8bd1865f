"""Files go both ways between pynn and torch; run where torch is installed."""

import io
import warnings
from collections import OrderedDict

import numpy
import pytest

import pynn

torch = pytest.importorskip("torch")
NAMES = ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64"]


def to_torch(obj, **options):
    file = io.BytesIO()
    pynn.save(obj, file)
    file.seek(0)
    return torch.load(file, weights_only=True, **options)


def to_pynn(obj, old=False, **options):
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns of its own typed storages
        torch.save(obj, file, _use_new_zipfile_serialization=not old)
    file.seek(0)
    return pynn.load(file, **options)


def objects(lib):
    """The same object of pynn's or of torch's tensors."""
    x = lib.arange(24).reshape(2, 3, 4).to(lib.float32)
    state = OrderedDict(w=x)
    state._metadata = OrderedDict({"": {"version": 1}})
    leaf = lib.ones(3)
    leaf.requires_grad = True
    return {
        "x": x,
        "views": [x[1:], x.permute(2, 0, 1), x[:, 1:, 2:], x[0, 0].expand(5, 4), x[1, 2, 3]],
        "empty": lib.zeros(0, 3),
        "parameter": lib.nn.Parameter(lib.ones(2)),
        "frozen": lib.nn.Parameter(lib.zeros(2), requires_grad=False),
        "leaf": leaf,
        "state": state,
        "dtypes": {name: lib.tensor([0, 1, 1]).to(getattr(lib, name)) for name in NAMES},
        "plain": [1, -(2**70), 2.5, "é", b"by", None, True, 1 + 2j, {1, 2}, (1, (2,))],
        "dtype": lib.float16,
        "device": lib.device("cpu"),
        "size": lib.Size((2, 3)),
        "optimizer": {"state": {0: {"step": lib.tensor(3.0)}}, "param_groups": [{"lr": 0.1, "params": [0, 1]}]},
    }


def agree(ours, theirs):
    """Whether an object of pynn's tensors equals one of torch's, memory layout included."""
    if isinstance(ours, pynn.Tensor):
        assert isinstance(ours, pynn.nn.Parameter) == isinstance(theirs, torch.nn.Parameter)
        assert str(ours.dtype).split(".")[1] == str(theirs.dtype).split(".")[1]
        assert tuple(ours.shape) == tuple(theirs.shape)
        assert ours.requires_grad == theirs.requires_grad
        if theirs.numel():
            assert tuple(ours.stride()) == theirs.stride()
        assert ours.tolist() == theirs.tolist()
    elif isinstance(ours, dict):
        assert type(ours) is type(theirs)
        assert list(ours) == list(theirs)
        assert getattr(ours, "_metadata", None) == getattr(theirs, "_metadata", None)
        for key, value in ours.items():
            agree(value, theirs[key])
    elif isinstance(ours, list):
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs):
            agree(a, b)
    elif isinstance(ours, (pynn.dtype, pynn.device, pynn.Size)):
        assert str(ours).replace("pynn.", "torch.") == str(theirs)
    else:
        assert ours == theirs


def test_torch_reads_ours():
    agree(objects(pynn), to_torch(objects(pynn)))
    agree(objects(pynn), to_torch(objects(pynn), map_location="cpu"))


@pytest.mark.parametrize("old", [False, True], ids=["zip", "legacy"])
@pytest.mark.parametrize("weights_only", [True, False])
def test_we_read_torchs(old, weights_only):
    agree(to_pynn(objects(torch), old, weights_only=weights_only), objects(torch))


def test_files_survive_a_round_trip():
    back = to_torch(to_pynn(objects(torch)))
    agree(objects(pynn), back)


def test_torch_shares_what_we_shared():
    back = to_torch(objects(pynn))
    back["x"].zero_()
    assert not any(view.any() for view in back["views"])
    assert not back["state"]["w"].any()


@pytest.mark.parametrize("old", [False, True], ids=["zip", "legacy"])
def test_we_share_what_torch_shared(old):
    back = to_pynn(objects(torch), old)
    back["x"].zero_()
    assert not any(view.any() for view in back["views"])
    assert not back["state"]["w"].any()


def test_mmap_both_ways(tmp_path):
    pynn.save(objects(pynn), tmp_path / "ours.pt")
    agree(objects(pynn), torch.load(tmp_path / "ours.pt", mmap=True))
    torch.save(objects(torch), tmp_path / "theirs.pt")
    agree(pynn.load(tmp_path / "theirs.pt", mmap=True), objects(torch))


def test_bfloat16():
    x = torch.randn(50).to(torch.bfloat16)
    for old in (False, True):
        back = to_pynn({"x": x, "part": x[10:]}, old)
        assert back["x"].dtype is pynn.bfloat16
        assert back["x"].tolist() == x.tolist()
        assert back["part"].tolist() == x[10:].tolist()


def test_newer_dtypes_are_refused():
    for x in (
        torch.ones(2, dtype=torch.uint16),
        torch.ones(2, dtype=torch.complex64),
        torch.ones(2).to(torch.float8_e5m2),
    ):
        with pytest.raises(Exception, match="pynn has nothing like it"):
            to_pynn(x)


def test_checksums_switched_off():
    before = torch.serialization.get_crc32_options()
    torch.serialization.set_crc32_options(False)
    try:
        assert to_pynn(torch.ones(3)).tolist() == [1, 1, 1]
    finally:
        torch.serialization.set_crc32_options(before)


def test_optimizer_states():
    model = torch.nn.Linear(2, 2)
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    ours = to_pynn(optimizer.state_dict())
    agree(ours, optimizer.state_dict())
    optimizer.load_state_dict(to_torch(ours))


def test_state_dicts_of_models():
    ours = pynn.nn.Sequential(pynn.nn.Linear(3, 4), pynn.nn.ReLU(), pynn.nn.Linear(4, 2))
    theirs = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
    theirs.load_state_dict(to_torch(ours.state_dict()))
    x = numpy.random.default_rng(0).normal(size=(5, 3)).astype(numpy.float32)
    expected = theirs(torch.from_numpy(x)).detach().numpy()
    assert numpy.allclose(ours(pynn.from_numpy(x)).detach().numpy(), expected, atol=1e-6)
    whole = to_pynn(theirs, weights_only=False)
    assert isinstance(whole[0], pynn.nn.Linear)
    assert numpy.allclose(whole(pynn.from_numpy(x)).detach().numpy(), expected, atol=1e-6)


def test_tensors_with_attributes():
    ours = pynn.ones(2)
    ours.tag = "seen"
    assert to_torch([ours])[0].tag == "seen"
    theirs = torch.ones(2)
    theirs.tag = "seen"
    assert to_pynn([theirs])[0].tag == "seen"
