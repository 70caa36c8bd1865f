"""torch.testing's names: `assert_close`, and `make_tensor` for sample inputs."""

from pynn.testing._comparison import assert_allclose, assert_close
from pynn.testing._creation import make_tensor

__all__ = ["assert_allclose", "assert_close", "make_tensor"]
