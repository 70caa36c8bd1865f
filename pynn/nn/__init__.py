"""Neural networks: modules, their parameters, initial values and losses. A table of contents."""

# ruff: noqa: F403, I001  (in the order that a reader looks for them)
from pynn.nn import functional as functional
from pynn.nn import init as init
from pynn.nn.parameter import *
from pynn.nn.module import *
from pynn.nn.linear import *
from pynn.nn.activation import *
from pynn.nn.containers import *
from pynn.nn.conv import *
from pynn.nn.batchnorm import *
from pynn.nn.normalization import *
from pynn.nn.dropout import *
from pynn.nn.pooling import *
from pynn.nn.sparse import *
from pynn.nn.rnn import *
from pynn.nn.attention import *
from pynn.nn.transformer import *
from pynn.nn.padding import *
from pynn.nn.flatten import *
from pynn.nn.fold import *
from pynn.nn.upsampling import *
from pynn.nn.distance import *
from pynn.nn.loss import *
from pynn.nn import utils as utils
