"""Write tests/golden/optim.npz: what torch's optimizers leave after the steps of tests/optim/problems.py.

Run from the repository's root, with torch 2.13 installed: python -m tools.make_optim_golden
"""

import numpy
import torch

from tests.optim.problems import CASES, FLAT, flat, run


def main():
    """Run every case in torch and save parameters and state."""
    arrays = {}
    for name, i in FLAT:
        for key, array in flat(*run(torch, name, CASES[name][i])):
            arrays[f"{name}.{i}.{key}"] = array
    numpy.savez_compressed("tests/golden/optim.npz", **arrays)


if __name__ == "__main__":
    main()
