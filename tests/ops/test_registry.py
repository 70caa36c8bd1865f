"""What the registry publishes."""

import pickle

import pynn
from pynn.ops.registry import FUNCTIONS


def test_functions_are_pickled_by_their_public_name():
    for name, function in FUNCTIONS.items():
        assert pickle.loads(pickle.dumps(function)) is getattr(pynn, function.__name__), name
