"""Datasets, samplers and the loader that turns them into batches."""

from pynn import _lazy
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

_PIPES = ("IterDataPipe", "MapDataPipe", "DFIterDataPipe", "DataChunk", "datapipes", "functional_datapipe")
_WHY = "data pipes are not part of pynn; write an IterableDataset (or a Dataset) that does the steps."
__getattr__, __dir__ = _lazy.names(__name__, {}, dict.fromkeys(_PIPES, _WHY))

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
