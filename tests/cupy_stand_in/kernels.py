"""Kernels written in CUDA C++ inside Python, as host code: the stand-in compiles them with g++."""


class ElementwiseKernel:
    """A loop over elements."""


class RawKernel:
    """A kernel of a grid."""


class ReductionKernel:
    """A reduction."""


class cupyx:
    """`cupyx`."""
