"""What stands for C where the core is interpreted: the same names, and the same answers."""

import pathlib
import re

import numpy

import pynn
from pynn import _core, _interpreted

NAMES = _interpreted.names(vars(_core))


def test_the_names_are_those_of_the_pxd():
    text = (pathlib.Path(pynn.__file__).parent / "_core.pxd").read_text()
    declared = re.findall(r'^    \S+ (\w+) "[^"]*pynn_\w+" \(', text, re.MULTILINE)
    assert sorted(declared) == sorted(NAMES)


def test_kernels_are_called_with_what_was_given():
    def kernel(*args):
        return args

    assert NAMES["invoke_1"](kernel, 1) == (1,)
    assert NAMES["invoke_2"](kernel, 1, 2) == (1, 2)
    assert NAMES["invoke"](kernel, (1, 2), (3,)) == (1, 2, 3)
    assert NAMES["invoke_on_list"](kernel, (1, 2), (3,)) == ((1, 2), 3)
    assert NAMES["invoke_backward"](kernel, 1, (2,), (3,), 4) == (1, (2,), (3,), 4)


def test_blanks_have_nothing():
    tensor, node, version = NAMES["blank_tensor"](), NAMES["blank_node"](), NAMES["blank_version"]()
    assert type(tensor) is pynn.Tensor
    assert not tensor._tracked
    assert tensor._node is None
    assert tensor._grad is None
    assert node.saved is None
    assert (node.needs, node.deps, node.index) == (0, 0, -1)
    assert version.value == 0


def test_arrays():
    a, b = numpy.ones((2, 3), numpy.float32), numpy.ones((3, 2))
    assert NAMES["is_array"](a)
    assert not NAMES["is_array"](2.0)
    assert NAMES["has_dtype"](a, numpy.dtype("float32"))
    assert not NAMES["has_dtype"](b, numpy.dtype("float32"))
    assert NAMES["equal_shapes"](a, b.T)
    assert not NAMES["equal_shapes"](a, b)
    assert NAMES["dims"](a) == 2
