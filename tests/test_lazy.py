"""Names that are imported when first asked for."""

import importlib
import importlib.resources
import subprocess
import sys
import types

import pytest

import pynn
from pynn import _lazy

MODULES = (
    "pynn",
    "pynn.autograd",
    "pynn.backends",
    "pynn.cuda",
    "pynn.jit",
    "pynn.nn",
    "pynn.nn.attention",
    "pynn.nn.parameter",
    "pynn.nn.utils",
    "pynn.optim",
    "pynn.utils",
    "pynn.utils.data._utils",
    "pynn.vision",
    "pynn.vision.transforms",
)


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A function that makes a package whose names are lazy."""
    root = tmp_path / "lazypackage"
    root.mkdir()
    (root / "__init__.py").touch()
    (root / "numbers.py").write_text("one, two = 1, 2\n")
    (root / "same.py").write_text("def same(): return 'same'\n\ndef other(): return 'other'\n")
    monkeypatch.syspath_prepend(str(tmp_path))

    def make(table, *reasons, inner=""):
        module = importlib.import_module("lazypackage" + inner)
        vars(module)["__getattr__"], vars(module)["__dir__"] = _lazy.names(module.__name__, table, *reasons)
        return module

    yield make
    for name in [n for n in sys.modules if n.partition(".")[0] == "lazypackage"]:
        del sys.modules[name]


def test_what_is_found_becomes_a_global(package):
    module = package({"one": "numbers", "numbers": ""})
    assert "lazypackage.numbers" not in sys.modules
    assert {"one", "numbers"} <= set(dir(module))
    assert module.one == 1
    assert vars(module)["one"] == 1
    assert isinstance(module.numbers, types.ModuleType)
    assert "two" not in dir(module)


def test_a_module_beside(package):
    module = package({"two": ".numbers"}, inner=".same")
    assert module.two == 2


@pytest.mark.parametrize("first", ["same", "other"])
def test_a_function_called_as_its_module(package, first):
    module = package({"same": "same", "other": "same"})
    assert getattr(module, first)() == first
    assert (module.same(), module.other()) == ("same", "other")


@pytest.mark.parametrize(
    ("reasons", "text"),
    [
        ((), "module 'lazypackage' has no attribute 'export': exported graphs are out of pynn's scope"),
        (("there is none.",), "module 'lazypackage' has no attribute 'export': there is none.$"),
        (({"export": "not yet."},), "module 'lazypackage' has no attribute 'export': not yet.$"),
        (({"other": "not yet."},), "module 'lazypackage' has no attribute 'export'$"),
    ],
)
def test_absent_names_say_why(package, reasons, text):
    with pytest.raises(AttributeError, match=text):
        package({"one": "numbers"}, *reasons).export  # noqa: B018


@pytest.mark.parametrize("name", MODULES)
def test_every_name_is_found(name):
    module = importlib.import_module(name)
    for each in dir(module):
        if (name, each) == ("pynn.utils", "tensorboard"):
            continue  # needs another package
        getattr(module, each)
        is_setting = isinstance(getattr(type(module), each, None), property)
        assert is_setting or each in vars(module), "found anew each time"


def test_every_module_of_the_top_level_is_there():
    """The package's public modules that importing it leaves out are in its table."""
    root = importlib.resources.files("pynn")
    names = {
        p.name.removesuffix(".py") for p in root.iterdir() if p.name.endswith(".py") or (p / "__init__.py").is_file()
    }
    public = {n for n in names if not n.startswith("_")} - {"bench"}  # a program: python -m pynn.bench
    assert public - vars(pynn).keys() <= pynn._LAZY.keys()


def test_the_table_of_the_top_level_hides_nothing():
    """What `import pynn` already has, but for two modules that pynn.ops imports, is not in the table."""
    code = "import pynn; print(*pynn._LAZY.keys() & vars(pynn).keys() - {'overrides', 'return_types'})"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert not out.stdout.split()


def test_functions_found_first_by_import_statements():
    code = (
        "from pynn.autograd import gradgradcheck; import pynn; assert pynn.autograd.gradcheck.__name__ == 'gradcheck'; "
        "from pynn.cuda import OutOfMemoryError, Stream; assert OutOfMemoryError is pynn.OutOfMemoryError; "
        "from pynn.nn.attention import SDPBackend; from pynn.nn.parameter import is_lazy; "
        "from pynn import fork, wait, inverse, _foreach_add; assert wait(fork(min, 1, 2)) == 1"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=120).returncode == 0
