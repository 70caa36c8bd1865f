"""torch.nn.attention: which implementation attention uses, its causal biases, and attention with scores of one's own."""

from pynn import _lazy

__getattr__, __dir__ = _lazy.names(
    __name__, {"SDPBackend": "_sdp", "sdpa_kernel": "_sdp", "bias": "", "flex_attention": ""}
)
