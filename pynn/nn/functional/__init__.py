"""torch.nn.functional: networks' operations as functions. A table of contents; each module holds one family."""

from pynn.nn.functional.activation import *  # noqa: F403
from pynn.nn.functional.activation import swish  # noqa: F401  (beside torch's names)
from pynn.nn.functional.attention import *  # noqa: F403
from pynn.nn.functional.conv import *  # noqa: F403
from pynn.nn.functional.ctc import *  # noqa: F403
from pynn.nn.functional.distance import *  # noqa: F403
from pynn.nn.functional.dropout import *  # noqa: F403
from pynn.nn.functional.embedding import *  # noqa: F403
from pynn.nn.functional.fractional import *  # noqa: F403
from pynn.nn.functional.grid import *  # noqa: F403
from pynn.nn.functional.linear import *  # noqa: F403
from pynn.nn.functional.linear_loss import *  # noqa: F403
from pynn.nn.functional.loss import *  # noqa: F403
from pynn.nn.functional.norm import *  # noqa: F403
from pynn.nn.functional.pad import *  # noqa: F403
from pynn.nn.functional.pool import *  # noqa: F403
from pynn.nn.functional.recurrent import *  # noqa: F403
from pynn.nn.functional.softmax import *  # noqa: F403
from pynn.nn.functional.vision import *  # noqa: F403

# isort: split
# Not public in torch either, but read by modules that were copied from its source and changed.
from pynn.nn import grad  # noqa: F401  (as torch has it here too)
from pynn.nn._tuples import _list_with_default, _pair, _single, _triple  # noqa: F401
from pynn.nn.functional import twins  # noqa: F401  (what torch publishes at its top level, of other arguments)
from pynn.nn.functional._copied import (  # noqa: F401
    _canonical_mask,
    _get_softmax_dim,
    _in_projection,
    _in_projection_packed,
    _none_or_dtype,
)
from pynn.overrides import (  # noqa: F401
    handle_torch_function,
    has_torch_function,
    has_torch_function_unary,
    has_torch_function_variadic,
)
