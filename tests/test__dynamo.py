"""What programs set and ask of torch._dynamo."""

import pytest

import pynn
from pynn import _dynamo


def test_settings_are_kept():
    _dynamo.config.suppress_errors = True
    assert _dynamo.config.suppress_errors
    assert _dynamo.config.cache_size_limit is None
    assert not hasattr(_dynamo.config, "__len__")
    assert pynn._dynamo is _dynamo


def test_decorators_return_the_function():
    assert _dynamo.optimize("eager")(len) is len
    assert _dynamo.disable(len) is len
    assert _dynamo.allow_in_graph(len) is _dynamo.disallow_in_graph(len) is len


def test_marks_have_no_effect():
    x = pynn.ones(1)
    for mark in (_dynamo.mark_dynamic, _dynamo.mark_static, _dynamo.maybe_mark_dynamic):
        assert mark(x, 0) is None
    assert _dynamo.graph_break() is None
    with _dynamo.TransformGetItemToIndex():
        assert x[0] == 1


def test_no_module_is_an_optimized_one():
    assert not isinstance(pynn.nn.Linear(1, 1), _dynamo.OptimizedModule)
    with pytest.raises(NotImplementedError, match=r"OptimizedModule: pynn\.compile returns its argument"):
        _dynamo.OptimizedModule(pynn.nn.Linear(1, 1))
