"""One process where torch has many: enough that scripts written for several also run as one.

`is_available()` is False, so that scripts that ask leave their communication out. Those that do not ask may call
`init_process_group`, which makes a group of this process alone: every collective then has nothing to wait for.
"""

import os
from collections.abc import Sequence
from enum import Enum
from typing import Any

from pynn import _lazy
from pynn._core import Tensor

_ONE_ONLY = "pynn runs in one process"


class ReduceOp(Enum):
    """How all_reduce joins the processes' values; those of one process stay what they are."""

    SUM = 0
    AVG = 1
    PRODUCT = 2
    MIN = 3
    MAX = 4
    BAND = 5
    BOR = 6
    BXOR = 7
    PREMUL_SUM = 8


class ProcessGroup:
    """This process."""

    def size(self) -> int:
        """1."""
        return 1

    def rank(self) -> int:
        """0."""
        return 0


class Work:
    """What a collective with async_op=True returns; done already."""

    def wait(self, timeout: Any = None) -> bool:
        """True."""
        return True

    def is_completed(self) -> bool:
        """True."""
        return True


class _GroupName:
    WORLD: ProcessGroup | None = None
    NON_GROUP_MEMBER = None


group = GroupMember = _GroupName
# Modules that torch's own import brings along: annotations name their classes.
_MODULES = ("algorithms", "constants", "device_mesh", "distributed_c10d", "fsdp", "rpc", "tensor", "utils")
__getattr__, __dir__ = _lazy.names(__name__, {**dict.fromkeys(_MODULES, ""), "DeviceMesh": "device_mesh"})
_backend = "gloo"


def is_available() -> bool:
    """False: there is no communication between processes."""
    return False


def is_initialized() -> bool:
    """Whether `init_process_group` was called."""
    return group.WORLD is not None


def is_nccl_available() -> bool:
    """False."""
    return False


def is_gloo_available() -> bool:
    """False."""
    return False


def is_mpi_available() -> bool:
    """False."""
    return False


def is_torchelastic_launched() -> bool:
    """Whether torchrun started this process."""
    return "TORCHELASTIC_RUN_ID" in os.environ


def init_process_group(
    backend: str | None = None,
    init_method: str | None = None,
    timeout: Any = None,
    world_size: int = -1,
    rank: int = -1,
    store: Any = None,
    group_name: str = "",
    pg_options: Any = None,
    device_id: Any = None,
) -> None:
    """Make the default group, of this process alone.

    world_size: by default the environment's WORLD_SIZE, or 1. Raises RuntimeError for more than 1, ValueError for a
    rank other than 0 and for a group that was made already.
    """
    global _backend
    if is_initialized():
        raise ValueError("trying to initialize the default process group twice!")
    size = int(os.environ.get("WORLD_SIZE", 1)) if world_size < 0 else world_size
    place = int(os.environ.get("RANK", 0)) if rank < 0 else rank
    if size != 1:
        raise RuntimeError(f"init_process_group: {_ONE_ONLY}, but the world size is {size}. Start one process.")
    if place != 0:
        raise ValueError(f"init_process_group: the rank of one process is 0, got {place}.")
    _backend = backend or "gloo"
    group.WORLD = ProcessGroup()


def destroy_process_group(group: Any = None) -> None:
    """Forget the default group."""
    _member(group)
    _GroupName.WORLD = None


def _member(of: Any = None) -> ProcessGroup:
    """The group; ValueError where there is none."""
    if group.WORLD is None:
        raise ValueError("Default process group has not been initialized, please make sure to call init_process_group.")
    return group.WORLD


def get_rank(group: Any = None) -> int:
    """0, once there is a group."""
    return _member(group).rank()


def get_world_size(group: Any = None) -> int:
    """1, once there is a group."""
    return _member(group).size()


def get_backend(group: Any = None) -> str:
    """The name given to `init_process_group`."""
    _member(group)
    return _backend


def get_process_group_ranks(group: Any = None) -> list[int]:
    """[0]."""
    _member(group)
    return [0]


def new_group(ranks: Sequence[int] | None = None, *args: Any, **kwargs: Any) -> ProcessGroup:
    """A group of some processes: of this one."""
    if ranks is not None and list(ranks) != [0]:
        raise ValueError(f"new_group: {_ONE_ONLY}, rank 0, got ranks {list(ranks)}.")
    return _member()


def _done(async_op: bool) -> Work | None:
    return Work() if async_op else None


def _sole(rank: int | None, what: str) -> None:
    if rank not in (0, None):
        raise ValueError(f"{what}: {_ONE_ONLY}, rank 0, got rank {rank}.")


def _of_one(items: Any, what: str) -> Any:
    if len(items) != 1:
        raise ValueError(f"{what}: a list of one item a process is needed, which is 1, got {len(items)}.")
    return items[0]


def _copy(target: Tensor, source: Tensor) -> None:
    target.detach().copy_(source.detach().reshape(target.shape))


def all_reduce(tensor: Tensor, op: Any = ReduceOp.SUM, group: Any = None, async_op: bool = False) -> Work | None:
    """Join the processes' tensors, in place: of one process, the tensor stays as it is."""
    _member(group)
    return _done(async_op)


def reduce(
    tensor: Tensor,
    dst: int | None = None,
    op: Any = ReduceOp.SUM,
    group: Any = None,
    async_op: bool = False,
    group_dst: int | None = None,
) -> Work | None:
    """`all_reduce` for one receiver."""
    _member(group)
    _sole(dst, "reduce")
    return _done(async_op)


def broadcast(
    tensor: Tensor, src: int | None = None, group: Any = None, async_op: bool = False, group_src: int | None = None
) -> Work | None:
    """Give all processes the tensor of src."""
    _member(group)
    _sole(src, "broadcast")
    return _done(async_op)


def all_gather(tensor_list: list[Tensor], tensor: Tensor, group: Any = None, async_op: bool = False) -> Work | None:
    """Copy every process's tensor into tensor_list."""
    _member(group)
    _copy(_of_one(tensor_list, "all_gather"), tensor)
    return _done(async_op)


def all_gather_into_tensor(
    output_tensor: Tensor, input_tensor: Tensor, group: Any = None, async_op: bool = False
) -> Work | None:
    """Copy every process's tensor into one, one after another."""
    _member(group)
    _copy(output_tensor, input_tensor)
    return _done(async_op)


def gather(
    tensor: Tensor,
    gather_list: list[Tensor] | None = None,
    dst: int | None = None,
    group: Any = None,
    async_op: bool = False,
) -> Work | None:
    """Copy every process's tensor into gather_list of dst."""
    _member(group)
    _sole(dst, "gather")
    _copy(_of_one(gather_list or [], "gather"), tensor)
    return _done(async_op)


def scatter(
    tensor: Tensor,
    scatter_list: list[Tensor] | None = None,
    src: int | None = None,
    group: Any = None,
    async_op: bool = False,
) -> Work | None:
    """Copy into every process's tensor its item of scatter_list."""
    _member(group)
    _sole(src, "scatter")
    _copy(tensor, _of_one(scatter_list or [], "scatter"))
    return _done(async_op)


def reduce_scatter(
    output: Tensor, input_list: list[Tensor], op: Any = ReduceOp.SUM, group: Any = None, async_op: bool = False
) -> Work | None:
    """Join the processes' lists, and give each its item."""
    _member(group)
    _copy(output, _of_one(input_list, "reduce_scatter"))
    return _done(async_op)


def reduce_scatter_tensor(
    output: Tensor, input: Tensor, op: Any = ReduceOp.SUM, group: Any = None, async_op: bool = False
) -> Work | None:
    """Join the processes' tensors, and give each its part."""
    _member(group)
    _copy(output, input)
    return _done(async_op)


def all_to_all(
    output_tensor_list: list[Tensor], input_tensor_list: list[Tensor], group: Any = None, async_op: bool = False
) -> Work | None:
    """Send each process an item, and receive one from each."""
    _member(group)
    _copy(_of_one(output_tensor_list, "all_to_all"), _of_one(input_tensor_list, "all_to_all"))
    return _done(async_op)


def all_to_all_single(
    output: Tensor,
    input: Tensor,
    output_split_sizes: Any = None,
    input_split_sizes: Any = None,
    group: Any = None,
    async_op: bool = False,
) -> Work | None:
    """Send each process a part of a tensor, and receive one from each."""
    _member(group)
    _copy(output, input)
    return _done(async_op)


def get_global_rank(group: Any, group_rank: int) -> int:
    """The rank among all processes of one in a group: 0."""
    _member(group)
    _sole(group_rank, "get_global_rank")
    return 0


get_group_rank = get_global_rank


def get_node_local_rank(fallback_rank: int | None = None) -> int:
    """The environment's LOCAL_RANK, or else fallback_rank; RuntimeError without both."""
    if "LOCAL_RANK" in os.environ:
        return int(os.environ["LOCAL_RANK"])
    if fallback_rank is not None:
        return int(fallback_rank)
    raise RuntimeError("LOCAL_RANK is not in the environment. Consider passing fallback_rank to get_node_local_rank.")


class Backend(str):
    """The name of a way to communicate."""

    GLOO = "gloo"
    MPI = "mpi"
    NCCL = "nccl"
    UNDEFINED = "undefined"


class DistBackendError(RuntimeError):
    """Not raised: nothing is sent."""


def barrier(group: Any = None, async_op: bool = False, device_ids: Any = None, timeout: Any = None) -> Work | None:
    """Wait for all processes: there is none to wait for."""
    _member(group)
    return _done(async_op)


def monitored_barrier(group: Any = None, timeout: Any = None, wait_all_ranks: bool = False) -> None:
    """`barrier`."""
    _member(group)


def all_gather_object(object_list: list[Any], obj: Any, group: Any = None) -> None:
    """Every process's object, in object_list."""
    _member(group)
    _of_one(object_list, "all_gather_object")
    object_list[0] = obj


def gather_object(
    obj: Any,
    object_gather_list: list[Any] | None = None,
    dst: int | None = None,
    group: Any = None,
    group_dst: int | None = None,
) -> None:
    """Every process's object, in dst's object_gather_list."""
    _member(group)
    _sole(dst, "gather_object")
    if object_gather_list is not None:
        _of_one(object_gather_list, "gather_object")
        object_gather_list[0] = obj


def broadcast_object_list(
    object_list: list[Any],
    src: int | None = None,
    group: Any = None,
    device: Any = None,
    group_src: int | None = None,
) -> None:
    """Give all processes src's objects."""
    _member(group)
    _sole(src, "broadcast_object_list")


def scatter_object_list(
    scatter_object_output_list: list[Any],
    scatter_object_input_list: list[Any] | None = None,
    src: int | None = None,
    group: Any = None,
    group_src: int | None = None,
) -> None:
    """Give each process its item."""
    _member(group)
    _sole(src, "scatter_object_list")
    scatter_object_output_list[0] = _of_one(scatter_object_input_list or [], "scatter_object_list")


def _no_peer(*args: Any, **kwargs: Any) -> None:
    """Raises RuntimeError: there is no other process."""
    _member()
    raise RuntimeError(f"{_ONE_ONLY}: there is nobody to send to or receive from.")


send = recv = isend = irecv = _no_peer
