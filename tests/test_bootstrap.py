"""The ways to run without compiled code."""

import pytest

from tests.interpreter import run


@pytest.mark.parametrize("environment", [{"PYNN_PURE": "1"}, {"PYNN_INTERPRETED": "1"}])
def test_runs_without_the_compiled_core(environment):
    code = (
        "import pynn; x = pynn.ones(3, requires_grad=True); (x * x).sum().backward(); "
        "print(x.grad.tolist(), pynn._config.config()['core'])"
    )
    assert run(code, **environment) == "[2.0, 2.0, 2.0] interpreted"


def test_pure_says_why_native_is_not_there():
    assert "did not load" in run("import pynn; pynn.show_config()", PYNN_PURE="1")


@pytest.mark.parametrize(
    ("environment", "warned"), [({"PYNN_INTERPRETED": "1"}, "True"), ({"PYNN_PURE": "1"}, "False")]
)
def test_says_once_that_compiled_kernels_are_missing(environment, warned):
    code = (
        "import sys, warnings; sys.modules['pynn._native'] = None\n"
        "with warnings.catch_warnings(record=True) as said:\n"
        "    warnings.simplefilter('always')\n"
        "    import pynn\n"
        "    pynn.ones(2) + 1\n"
        "print(len(said) == 1 and 'C++ compiler' in str(said[0].message))"
    )
    assert run(code, **environment) == warned
