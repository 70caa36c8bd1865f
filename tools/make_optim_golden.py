"""Write tests/golden/optim.npz and lr_scheduler.npz: what torch's optimizers and schedulers do in the tests' cases.

Run from the repository's root, with torch 2.13 installed: python -m tools.make_optim_golden
"""

import numpy
import torch

from tests.optim.lr_scheduler import schedules
from tests.optim.problems import CASES, FLAT, flat, run


def main():
    """Run every case in torch and save parameters, state and rates."""
    arrays = {}
    for name, i in FLAT:
        for key, array in flat(*run(torch, name, CASES[name][i])):
            arrays[f"{name}.{i}.{key}"] = array
    numpy.savez_compressed("tests/golden/optim.npz", **arrays)
    rates = {name: schedules.advance(*schedules.make(torch, name), range(schedules.STEPS)) for name in schedules.CASES}
    numpy.savez_compressed("tests/golden/lr_scheduler.npz", **rates)


if __name__ == "__main__":
    main()
