"""`cupy.linalg` of the stand-in."""

import numpy

from tests.cupy_stand_in.array import lifted

LinAlgError = numpy.linalg.LinAlgError
for _name in ["cholesky", "det", "eig", "eigh", "eigvals", "eigvalsh", "inv", "lstsq", "matrix_power", "norm", "pinv", "qr", "slogdet", "solve", "svd"]:
    globals()[_name] = lifted(getattr(numpy.linalg, _name), _name)
