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
from pynn.nn.functional import twins  # noqa: F401  (what torch publishes at its top level, of other arguments)
