"""Names of a module that are imported when first asked for: what few programs use costs no import time.

__getattr__, __dir__ = _lazy.names(__name__, {"Muon": "_muon", "swa_utils": ""})
"""

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def names(
    module: str, table: Mapping[str, str], reasons: str | Mapping[str, str] | None = None
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """`__getattr__` and `__dir__` of the module called so.

    table: name -> the submodule that has it, "" where it is a submodule itself; ".other" is a module beside this one.
    What is found becomes a global of the module, so that each name is looked up here once.
    reasons: why other names are absent, for the AttributeError: one text for all, or by name; by default those of
    `pynn._absent`.
    """
    space = vars(sys.modules[module])

    def __getattr__(name: str) -> Any:
        where = table.get(name)
        if where is None:
            if name.startswith("__"):  # what import statements ask for, such as __path__
                raise AttributeError(f"module '{module}' has no attribute '{name}'.")
            from pynn._absent import explain

            raise AttributeError(explain(module, name, reasons))
        found = import_module("." + (where or name), module)
        if where:
            if (
                table.get(where) == where
            ):  # a function called as its module, which its import put in the function's place
                space[where] = getattr(found, where)
            found = getattr(found, name)
        space[name] = found
        return found

    def __dir__() -> list[str]:
        return sorted(space.keys() | table.keys())

    return __getattr__, __dir__
