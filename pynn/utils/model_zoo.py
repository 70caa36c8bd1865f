"""The old name of `pynn.hub.load_state_dict_from_url`."""

from pynn.hub import load_state_dict_from_url as load_url
from pynn.hub import tqdm

__all__ = ["load_url", "tqdm"]
