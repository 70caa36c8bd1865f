"""Layouts, memory formats and quantization schemes are constants with names."""

import pickle

import pynn


def test_formats_and_layouts_have_kinds():
    assert isinstance(pynn.strided, pynn.layout)
    assert isinstance(pynn.channels_last, pynn.memory_format)
    assert isinstance(pynn.float32, pynn.dtype)
    assert isinstance(pynn.per_tensor_affine, pynn.qscheme)
    assert pynn.ones(1).layout == pynn.strided
    assert pynn.ones(1).layout != pynn.sparse_coo
    assert repr(pynn.channels_last_3d) == "pynn.channels_last_3d"
    assert pickle.loads(pickle.dumps(pynn.contiguous_format)) == pynn.contiguous_format
