"""Datasets, samplers and the loader that turns them into batches."""

from typing import Any

from pynn.utils.data.collate import default_collate, default_convert
from pynn.utils.data.dataloader import DataLoader, _DatasetKind, get_worker_info
from pynn.utils.data.dataset import (
    ChainDataset,
    ConcatDataset,
    Dataset,
    IterableDataset,
    StackDataset,
    Subset,
    TensorDataset,
    random_split,
)
from pynn.utils.data.distributed import DistributedSampler
from pynn.utils.data.sampler import (
    BatchSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)

_PIPES = frozenset(("IterDataPipe", "MapDataPipe", "DFIterDataPipe", "DataChunk", "datapipes", "functional_datapipe"))


def __getattr__(name: str) -> Any:
    text = f"module 'pynn.utils.data' has no attribute '{name}'"
    if name in _PIPES:
        text += ": data pipes are not part of pynn; write an IterableDataset (or a Dataset) that does the steps."
    raise AttributeError(text)


__all__ = [
    "BatchSampler",
    "ChainDataset",
    "ConcatDataset",
    "DataLoader",
    "Dataset",
    "DistributedSampler",
    "IterableDataset",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "StackDataset",
    "Subset",
    "SubsetRandomSampler",
    "TensorDataset",
    "WeightedRandomSampler",
    "_DatasetKind",
    "default_collate",
    "default_convert",
    "get_worker_info",
    "random_split",
]
