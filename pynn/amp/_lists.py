"""Which operations autocast runs in which precision: torch's lists for the CPU, by the names of pynn's records.

What is in neither list runs in the dtype its inputs have; of several (`cat`, arithmetic), in the one they promote to.
Softmax, norms and sums of 16-bit floats are computed in float32 inside anyway, and rounded once.
"""

LOW_PRECISION = frozenset(
    (
        "matmul", "linear", "conv2d", "conv2d_input", "conv3d", "conv3d_input", "prelu", "scaled_dot_product_attention",
        "lstm", "rnn",
    )
)  # fmt: skip

FLOAT32 = frozenset(
    (
        "binary_cross_entropy", "binary_cross_entropy_with_logits", "cross_entropy", "huber_loss", "l1_loss", "mse_loss",
        "nll_loss", "smooth_l1_loss", "prod", "avg_pool3d", "adaptive_avg_pool3d",
        "adaptive_max_pool3d", "max_pool3d", "max_pool3d_with_indices",
    )
)  # fmt: skip
