import pickle

import pytest

import pynn


@pytest.mark.parametrize("module", [pynn, pynn.nn.functional])
def test_every_public_function_can_be_pickled(module):
    names = [
        name
        for name in dir(module)
        if not name.startswith("_") and callable(getattr(module, name)) and not isinstance(getattr(module, name), type)
    ]
    assert len(names) > 100
    for name in names:
        function = getattr(module, name)
        assert pickle.loads(pickle.dumps(function)) is function, name
