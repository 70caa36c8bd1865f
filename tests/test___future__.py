"""pynn.__future__ keeps what it is given."""

import pynn


def test_switches_are_kept():
    for name in ("overwrite_module_params_on_conversion", "swap_module_params_on_conversion"):
        get, set_ = (getattr(pynn.__future__, f"{verb}_{name}") for verb in ("get", "set"))
        assert get() is False
        set_(True)
        try:
            assert get() is True
        finally:
            set_(False)
