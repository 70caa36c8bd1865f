"""What happens when einops or threadpoolctl is imported; without either of them."""

import subprocess
import sys

PARTNER = """
import importlib.machinery, sys, types
class Loader:
    def create_module(self, spec): return None
    def exec_module(self, module): module.loaded = True
    def get_source(self, name): return "source"
class Finder:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == "threadpoolctl":
            return importlib.machinery.ModuleSpec(name, Loader())
sys.modules.pop("threadpoolctl", None)
"""


def run(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()


def test_a_partner_imported_later_is_registered_with():
    code = (
        PARTNER
        + """
import pynn
import pynn._threadpoolctl as ours
seen = []
ours.register = lambda module: seen.append((module.__name__, module.loaded))
importlib.machinery.PathFinder.find_spec = Finder.find_spec
import threadpoolctl
print(*seen[0], threadpoolctl.__loader__.get_source("x"))
"""
    )
    assert run(code) == ["threadpoolctl", "True", "source"]


def test_a_partner_that_is_missing_stays_missing():
    code = (
        PARTNER
        + """
import pynn
importlib.machinery.PathFinder.find_spec = lambda name, path=None, target=None: None
try:
    import threadpoolctl
except ModuleNotFoundError as error:
    print(error.name)
"""
    )
    assert run(code) == ["threadpoolctl"]


def test_it_is_installed_once_and_leaves_other_names_alone():
    code = """
import sys, pynn
from pynn import _import_hook
_import_hook.install()
print(sys.meta_path.count(_import_hook._Finder), _import_hook._Finder.find_spec("json"))
"""
    assert run(code) == ["1", "None"]
