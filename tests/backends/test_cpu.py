import os
import subprocess
import sys

import pytest

import pynn


@pytest.mark.parametrize(("isa", "name"), [("portable", "DEFAULT"), (None, None)])
def test_capability_follows_the_isa(isa, name):
    code = "import pynn; print(pynn.backends.cpu.get_cpu_capability())"
    environment = {k: v for k, v in os.environ.items() if k != "PYNN_ISA"} | ({"PYNN_ISA": isa} if isa else {})
    printed = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert printed.stdout.strip() in ([name] if name else ["AVX512", "AVX2", "DEFAULT"])


def test_names():
    assert pynn.backends.cpu.get_cpu_capability() in ("AVX512", "AVX2", "DEFAULT")
