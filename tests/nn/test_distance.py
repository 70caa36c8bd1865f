"""CosineSimilarity and PairwiseDistance."""

import pytest


@pytest.mark.parametrize("arguments", [(), (0,), (-1, 1e-3)], ids=str)
def test_cosine_similarity_matches_torch(twin, rng, arguments):
    twin(lambda nn: nn.CosineSimilarity(*arguments), rng.normal(size=(4, 3)), rng.normal(size=(4, 3)))


@pytest.mark.parametrize("arguments", [(), (1.0,), (3.0, 1e-4, True)], ids=str)
def test_pairwise_distance_matches_torch(twin, rng, arguments):
    twin(lambda nn: nn.PairwiseDistance(*arguments), rng.normal(size=(4, 3)), rng.normal(size=(4, 3)))
