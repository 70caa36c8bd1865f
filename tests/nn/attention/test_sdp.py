"""The choice of an implementation: taken, and without effect."""

import pynn
from pynn.nn import functional as F
from pynn.nn.attention import SDPBackend, _sdp, sdpa_kernel


def test_a_choice_holds_within_its_block_and_changes_no_number():
    x = pynn.randn(1, 2, 3, 4)
    expected = F.scaled_dot_product_attention(x, x, x)
    with sdpa_kernel(SDPBackend.MATH):
        assert not _sdp.is_enabled(SDPBackend.FLASH_ATTENTION)
        assert pynn.equal(F.scaled_dot_product_attention(x, x, x), expected)
    assert _sdp.is_enabled(SDPBackend.FLASH_ATTENTION)
