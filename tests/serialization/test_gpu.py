"""Files with tensors of a GPU."""

import io

import pytest

import pynn
from pynn.utils import safetensors
from tests import gpu


@pytest.fixture(scope="module", autouse=True)
def cupy():
    with gpu.present() as module:
        yield module


def written(value, **options):
    file = io.BytesIO()
    pynn.save(value, file, **options)
    file.seek(0)
    return file


@pytest.mark.parametrize("zip_format", [True, False])
def test_tensors_come_back_to_their_device_and_share_memory(zip_format):
    x = pynn.arange(6.0, device="cuda").reshape(2, 3)
    file = written({"whole": x, "row": x[1], "here": x.cpu(), "half": x.bfloat16()}, _use_new_zipfile_serialization=zip_format)
    found = pynn.load(file)
    assert found["whole"].device == found["row"].device == pynn.device("cuda:0")
    assert not found["here"].is_cuda
    assert (found["half"] == x.bfloat16()).all()
    assert (found["whole"] == x).all()
    found["row"].zero_()
    assert found["whole"].tolist() == [[0.0, 1.0, 2.0], [0.0, 0.0, 0.0]]


@pytest.mark.parametrize("map_location", ["cpu", pynn.device("cpu"), {"cuda:0": "cpu"}, lambda storage, where: storage.cpu()])
def test_map_location_to_the_cpu(map_location):
    found = pynn.load(written({"x": pynn.ones(3, device="cuda")}), map_location=map_location)["x"]
    assert not found.is_cuda
    assert found.tolist() == [1.0, 1.0, 1.0]


def test_map_location_to_a_gpu():
    file = written(pynn.nn.Linear(2, 3).state_dict())
    found = pynn.load(file, map_location="cuda")
    assert all(x.is_cuda for x in found.values())


def test_without_a_gpu_it_says_what_to_do():
    if gpu.REAL:
        pytest.skip("there is one")
    file = written(pynn.ones(3, device="cuda"))
    from pynn import _gpu

    found = _gpu._cupy, _gpu._reason
    _gpu._cupy, _gpu._reason = None, "none"
    try:
        with pytest.raises(RuntimeError, match=r"pynn.cuda.is_available\(\) is False.*map_location='cpu'"):
            pynn.load(file)
    finally:
        _gpu._cupy, _gpu._reason = found


def test_safetensors(tmp_path):
    path = tmp_path / "x.safetensors"
    safetensors.save_file({"x": pynn.arange(4.0, device="cuda")}, path)
    assert not safetensors.load_file(path)["x"].is_cuda
    assert safetensors.load_file(path, "cuda:0")["x"].tolist() == [0.0, 1.0, 2.0, 3.0]
    with safetensors.safe_open(path, "pt", device="cuda") as file:
        assert file.get_tensor("x").is_cuda
        assert file.get_slice("x")[1:3].is_cuda


def test_storages():
    x = pynn.arange(4.0, device="cuda")
    storage = x.untyped_storage()
    assert storage.device == x.device
    assert storage.is_cuda
    assert storage.data_ptr() == x.data_ptr()
    assert storage.nbytes() == 16
    assert not storage.cpu().is_cuda
    assert storage.cpu().cuda().tolist() == storage.tolist()
