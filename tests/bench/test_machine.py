"""What the figures were taken on."""

import pynn
from pynn.bench import machine


def test_describes_this_machine():
    found = machine.describe()
    assert found.cpu
    assert found.cores >= 1
    assert found.isa in ("portable", "avx2", "avx512", "none (pure Python)")
    assert found.python.startswith("3.")


def test_versions():
    assert set(machine.versions(["pynn"])) == {"pynn", "numpy"}


def test_imports_are_timed():
    assert machine.import_seconds(["json"], rounds=1)["json"] > 0


def test_installed_bytes():
    assert 1e6 < machine.installed_bytes("pynn") < 1e9
    assert machine.installed_bytes("no_such_module") == 0
    assert pynn.__file__
