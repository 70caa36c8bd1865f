"""Fold and Unfold."""

import pytest


@pytest.mark.parametrize("arguments", [(2,), ((3, 2), 1, 1, 2), (2, 2)], ids=str)
def test_unfold_matches_torch(twin, rng, arguments):
    twin(lambda nn: nn.Unfold(*arguments), rng.normal(size=(2, 3, 6, 5)))


def test_fold_matches_torch(twin, rng):
    twin(lambda nn: nn.Fold((4, 5), 2), rng.normal(size=(2, 12, 12)))
    twin(lambda nn: nn.Fold(4, (2, 2), stride=2), rng.normal(size=(2, 8, 4)))
