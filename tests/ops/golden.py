"""The golden files of tools/make_golden.py, read."""

import functools
import json
import pathlib

import numpy

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "golden"


@functools.cache
def load():
    """{"<op>/<sample>/<in|out|grad><number>": array} of every golden file."""
    found = {}
    for path in sorted(FOLDER.glob("ops_*.npz")):
        with numpy.load(path) as held:
            index, values = json.loads(held["index"].tobytes()), held["values"]
        start = 0
        for key, (dtype, shape) in index["arrays"].items():
            size = int(numpy.prod(shape))
            found[key] = values[start : start + size].astype(dtype).reshape(shape)
            start += size
    return found


def several(prefix):
    """The arrays whose keys are prefix0, prefix1, ... as {number: array}."""
    return {int(k[len(prefix) :]): a for k, a in load().items() if k.startswith(prefix) and k[len(prefix) :].isdigit()}
