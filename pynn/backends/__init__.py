"""torch.backends' names, so that scripts that set its switches run. None of them changes what pynn computes."""

from pynn.backends import cuda, cudnn, mkl, mkldnn, mps, openmp

__all__ = ["cuda", "cudnn", "mkl", "mkldnn", "mps", "openmp"]
