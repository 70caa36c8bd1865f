"""What torch has and pynn lacks can be imported and asked after; calling it says why it is not here."""

import importlib
import subprocess
import sys

import pytest

import pynn
from pynn import _stand_ins


@pytest.fixture(autouse=True)
def forget_what_was_imported():
    """Other tests ask for names that no one has imported."""
    before = set(sys.modules)
    yield
    for name in sorted(set(sys.modules) - before, key=len, reverse=True):
        if isinstance(sys.modules[name], _stand_ins.Absent):
            parent, _, own = name.rpartition(".")
            del sys.modules[name], vars(sys.modules[parent])[own]


@pytest.mark.parametrize("name", sorted(_stand_ins.ABSENT.keys() - {"_dynamo", "_inductor"}))
def test_an_absent_module_is_imported_and_its_names_refuse_to_be_called(name):
    module = importlib.import_module(f"pynn.{name}")
    with pytest.raises(NotImplementedError, match=rf"pynn\.{name}\.something: .*pynn"):
        module.something(1)


def test_the_reason_is_that_of_the_name():
    from pynn.fft import rfft2

    with pytest.raises(
        NotImplementedError, match=r"^pynn\.fft\.rfft2: Fourier transforms are out of pynn's scope so far"
    ):
        rfft2(pynn.ones(2, 2))


def test_modules_within_absent_modules():
    from pynn.distributed.fsdp.fully_sharded_data_parallel import FullyShardedDataParallel

    assert issubclass(importlib.import_module("pynn._dynamo.exc").Unsupported, object)
    assert FullyShardedDataParallel.__module__ == "pynn.distributed.fsdp.fully_sharded_data_parallel"


def test_absent_classes_have_no_instances_and_can_be_named_and_inherited_from():
    from pynn.distributed.fsdp import FullyShardedDataParallel, ShardingStrategy

    def wrap(module: pynn.nn.Module | FullyShardedDataParallel, strategy=ShardingStrategy.FULL_SHARD):
        return isinstance(module, FullyShardedDataParallel)

    class Mine(FullyShardedDataParallel):
        pass

    assert not wrap(pynn.nn.Linear(1, 1))
    assert not issubclass(pynn.nn.Linear, FullyShardedDataParallel)
    with pytest.raises(NotImplementedError, match="Mine: pynn runs in one process"):
        Mine()


def test_a_name_no_one_imported_is_still_an_error_that_says_why():
    code = "import pynn\ntry: pynn.fft.rfft\nexcept AttributeError as error: print(error)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "Fourier transforms are out of pynn's scope" in out


def test_names_that_torch_has_not_either():
    for name in ("pynn.nothing", "pynn.nn.nothing", "pynn.fft_of_mine"):
        with pytest.raises(ModuleNotFoundError):
            importlib.import_module(name)
    with pytest.raises(AttributeError):
        _stand_ins.stand_in("pynn", "X", "why").__nothing__  # noqa: B018


@pytest.mark.parametrize("name", sorted(_stand_ins.ALIASES))
def test_second_names_of_modules(name):
    ours = _stand_ins.ALIASES[name]
    assert importlib.import_module(f"pynn.{name}") is importlib.import_module(f"pynn.{ours}" if ours else "pynn")


def test_second_names_have_torchs_names():
    from pynn.cuda.amp.grad_scaler import GradScaler
    from pynn.functional import einsum
    from pynn.nn.parallel.data_parallel import DataParallel
    from pynn.nn.parallel.distributed import DistributedDataParallel

    assert (GradScaler, einsum) == (pynn.cuda.amp.GradScaler, pynn.einsum)
    assert DistributedDataParallel is pynn.nn.parallel.DistributedDataParallel
    assert DataParallel is pynn.nn.DataParallel
    assert callable(pynn.nn.parallel.data_parallel)  # the function, as in torch


def test_fx_can_be_asked_after():
    from pynn import fx

    assert not isinstance(pynn.ones(1), fx.Proxy)
    with pytest.raises(NotImplementedError, match="symbolic_trace: graphs of Python code"):
        fx.symbolic_trace(pynn.nn.Linear(1, 1))


@pytest.mark.parametrize("name", _stand_ins.ANSWERS)
def test_questions_after_what_is_not_there_are_answered(name):
    module, _, function = name.rpartition(".")
    assert getattr(importlib.import_module(f"pynn.{module}"), function)() is _stand_ins.ANSWERS[name]
