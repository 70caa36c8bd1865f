import pytest

import pynn
from pynn import distributed as dist


@pytest.fixture
def world(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    monkeypatch.delenv("RANK", raising=False)
    dist.init_process_group("gloo", rank=0, world_size=1)
    yield
    if dist.is_initialized():
        dist.destroy_process_group()


def test_scripts_that_ask_stay_alone():
    assert not dist.is_available()
    assert not dist.is_initialized()
    for function in (dist.get_rank, dist.get_world_size, dist.barrier, dist.get_backend):
        with pytest.raises(ValueError, match="Default process group has not been initialized"):
            function()


def test_a_world_of_one(world):
    assert dist.is_initialized()
    assert (dist.get_rank(), dist.get_world_size(), dist.get_backend()) == (0, 1, "gloo")
    x = pynn.tensor([1.0, 2])
    dist.all_reduce(x, op=dist.ReduceOp.SUM)
    dist.broadcast(x, src=0)
    assert x.tolist() == [1, 2]
    out = [pynn.zeros(2)]
    assert dist.all_gather(out, x, async_op=True).wait()
    assert out[0].tolist() == [1, 2]
    dist.barrier()
    objects = [None]
    dist.all_gather_object(objects, {"a": 1})
    assert objects == [{"a": 1}]
    assert dist.new_group([0]).size() == 1
    with pytest.raises(ValueError, match="list of one item a process"):
        dist.all_gather([x, x], x)
    with pytest.raises(ValueError, match="twice"):
        dist.init_process_group()
    with pytest.raises(RuntimeError, match="nobody to send to"):
        dist.send(x, 1)
    dist.destroy_process_group()
    assert not dist.is_initialized()


def test_more_than_one_process_is_refused(monkeypatch):
    with pytest.raises(RuntimeError, match="the world size is 4"):
        dist.init_process_group(world_size=4, rank=0)
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(RuntimeError, match="the world size is 2"):
        dist.init_process_group("nccl")
    assert not dist.is_initialized()


def test_modules_that_annotations_name_are_there_without_an_import():
    assert not isinstance(1, pynn.distributed.DeviceMesh | pynn.distributed.device_mesh.DeviceMesh)
    assert not isinstance(1, pynn.distributed.fsdp.FSDPModule)
