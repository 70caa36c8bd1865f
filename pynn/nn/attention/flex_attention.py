"""Attention with scores and masks of one's own: `flex_attention(q, k, v, score_mod, block_mask)` (arXiv:2412.05496).

torch traces score_mod and mask_mod for single elements and compiles them into one kernel. Here they are called once,
with tensors that broadcast: batch (B, 1, 1, 1), head (1, H, 1, 1), q_idx (1, 1, L, 1), kv_idx (1, 1, 1, S), and a
score of (B, H, L, S). What computes element by element, or reads tables at those indices, gives the same numbers
either way. A BlockMask's mask_mod decides what takes part, as in torch without compilation; its lists of blocks say
how much of the scores that is.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple, TypedDict

import pynn
from pynn._core import Tensor
from pynn.nn._tuples import _pair
from pynn.nn.functional import scaled_dot_product_attention

__all__ = [
    "AuxOutput",
    "AuxRequest",
    "BlockMask",
    "FlexKernelOptions",
    "and_masks",
    "create_block_mask",
    "create_mask",
    "flex_attention",
    "noop_mask",
    "or_masks",
]

ScoreMod = Callable[[Tensor, Tensor, Tensor, Tensor, Tensor], Tensor]
MaskMod = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]
_DEFAULT_SPARSE_BLOCK_SIZE = 128


class FlexKernelOptions(TypedDict, total=False):
    """Options of torch's GPU kernels: taken, and without effect."""

    BACKEND: str
    PRESCALE_QK: bool
    ROWS_GUARANTEED_SAFE: bool
    BLOCKS_ARE_CONTIGUOUS: bool


class AuxRequest(NamedTuple):
    """What `flex_attention` is to return beside its result."""

    lse: bool = False
    max_scores: bool = False


class AuxOutput(NamedTuple):
    """What was asked for: the logarithm of each row's sum of exponentials, and its largest score, (B, H, L) each."""

    lse: Tensor | None = None
    max_scores: Tensor | None = None


# ---- masks ----


def noop_mask(batch: Tensor, head: Tensor, token_q: Tensor, token_kv: Tensor) -> Tensor:
    """The mask that keeps everything."""
    return batch.new_ones((), dtype=pynn.bool)


def and_masks(*mask_mods: MaskMod) -> MaskMod:
    """The mask of what all masks keep. Raises RuntimeError for what cannot be called."""
    _require_callables(mask_mods)

    def both(b: Tensor, h: Tensor, q_idx: Tensor, kv_idx: Tensor) -> Tensor:
        result = noop_mask(b, h, q_idx, kv_idx)
        for mask in mask_mods:
            result = result & mask(b, h, q_idx, kv_idx)
        return result

    return both


def or_masks(*mask_mods: MaskMod) -> MaskMod:
    """The mask of what any mask keeps. Raises RuntimeError for what cannot be called."""
    _require_callables(mask_mods)

    def either(b: Tensor, h: Tensor, q_idx: Tensor, kv_idx: Tensor) -> Tensor:
        result = ~noop_mask(b, h, q_idx, kv_idx)
        for mask in mask_mods:
            result = result | mask(b, h, q_idx, kv_idx)
        return result

    return either


def _require_callables(mask_mods: tuple[Any, ...]) -> None:
    if not all(callable(mask) for mask in mask_mods):
        raise RuntimeError(f"All inputs should be callable mask_mods: {mask_mods}")


def _places(shape: tuple[int, ...], device: Any) -> list[Tensor]:
    """An index tensor a dimension, along that dimension."""
    return [
        pynn.arange(n, device=device).reshape([-1 if i == dim else 1 for i in range(len(shape))])
        for dim, n in enumerate(shape)
    ]


def create_mask(
    mod_fn: Callable[..., Tensor], B: int | None, H: int | None, Q_LEN: int, KV_LEN: int, device: Any = None
) -> Tensor:
    """What a mask_mod keeps, bool (B, H, Q_LEN, KV_LEN); None counts as 1.

    A score_mod, of five arguments, is called with scores of zero: what it makes -inf is out.
    """
    shape = (B or 1, H or 1, Q_LEN, KV_LEN)
    if _takes_scores(mod_fn):
        zero = pynn.zeros(shape, device=device)
        return mod_fn(zero, *_places(shape, device)).expand(shape) != -math.inf
    return mod_fn(*_places(shape, device)).expand(shape)


def _takes_scores(mod: Any) -> bool:
    """Whether a function takes a score before the four indices."""
    import inspect

    try:
        parameters = inspect.signature(mod).parameters.values()
    except ValueError:  # a builtin that does not tell
        return False
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(p.kind in positional and p.default is inspect.Parameter.empty for p in parameters) == 5


def _listed(dense: Tensor) -> tuple[Tensor, Tensor]:
    """Of a 0/1 matrix of blocks (..., rows, columns): how many a row has, and their columns first in the row's order."""
    indices = pynn.argsort(dense, dim=-1, descending=True, stable=True)
    return dense.sum(-1).to(pynn.int32), indices.to(pynn.int32)


def _unlisted(counts: Tensor, indices: Tensor) -> Tensor:
    """The 0/1 matrix of blocks, int32, of `_listed`."""
    taken = pynn.arange(indices.shape[-1], device=indices.device) < counts.unsqueeze(-1)
    dense = pynn.zeros(indices.shape, dtype=pynn.int32, device=indices.device)
    return dense.scatter(-1, indices.long(), taken.to(pynn.int32))


def _by_column(counts: Tensor | None, indices: Tensor | None) -> Any:
    """The lists by row turned into lists by column."""
    return (None, None) if counts is None or indices is None else _listed(_unlisted(counts, indices).transpose(-2, -1))


def _refused(b: Tensor, h: Tensor, q_idx: Tensor, kv_idx: Tensor) -> Tensor:
    raise RuntimeError(
        "A BlockMask that was indexed has no mask_mod: its queries begin elsewhere. Set one that knows where, as in "
        "`sliced.mask_mod = lambda b, h, q, kv: mask_mod(b, h, q + offset, kv)`."
    )


class BlockMask:
    """Which blocks of the scores take part: lists of partial and of full blocks, and the mask_mod within them.

    kv_num_blocks (B, H, rows), kv_indices (B, H, rows, columns): of each row of blocks, how many are partial, and
    which; full_kv_num_blocks and full_kv_indices those that are full, or None. q_num_blocks, q_indices, full_q_...
    say the same by column. BLOCK_SIZE (queries, keys); seq_lengths (queries, keys); mask_mod.
    Made by `create_block_mask`, or by `from_kv_blocks`.
    """

    def __init__(self, seq_lengths: tuple[int, int], kv_num_blocks: Tensor, kv_indices: Tensor,
                 full_kv_num_blocks: Tensor | None, full_kv_indices: Tensor | None, q_num_blocks: Tensor | None,
                 q_indices: Tensor | None, full_q_num_blocks: Tensor | None, full_q_indices: Tensor | None,
                 BLOCK_SIZE: tuple[int, int], mask_mod: MaskMod) -> None:  # fmt: skip
        if kv_indices.dim() < 2:
            raise RuntimeError(f"BlockMask must have at least 2 dimensions, got kv_indices of {kv_indices.dim()}")
        self.seq_lengths = seq_lengths
        self.kv_num_blocks, self.kv_indices = kv_num_blocks, kv_indices
        self.full_kv_num_blocks, self.full_kv_indices = full_kv_num_blocks, full_kv_indices
        self.q_num_blocks, self.q_indices = q_num_blocks, q_indices
        self.full_q_num_blocks, self.full_q_indices = full_q_num_blocks, full_q_indices
        self.BLOCK_SIZE = BLOCK_SIZE
        self.mask_mod = mask_mod

    @classmethod
    def from_kv_blocks(
        cls,
        kv_num_blocks: Tensor,
        kv_indices: Tensor,
        full_kv_num_blocks: Tensor | None = None,
        full_kv_indices: Tensor | None = None,
        BLOCK_SIZE: int | tuple[int, int] = _DEFAULT_SPARSE_BLOCK_SIZE,
        mask_mod: MaskMod | None = None,
        seq_lengths: tuple[int, int] | None = None,
        compute_q_blocks: bool = True,
    ) -> "BlockMask":
        """A mask from its lists of blocks; those by column are computed from them.

        seq_lengths: by default what the blocks cover. mask_mod: by default everything within the blocks.
        Raises AssertionError where one list of full blocks is given without the other.
        """
        if (full_kv_num_blocks is None) != (full_kv_indices is None):
            raise AssertionError("full_kv_num_blocks and full_kv_indices must be both provided or omitted")
        size = _pair(BLOCK_SIZE)
        columns = full_columns = (None, None)
        if compute_q_blocks:
            columns = _by_column(kv_num_blocks, kv_indices)
            full_columns = _by_column(full_kv_num_blocks, full_kv_indices)
        if seq_lengths is None:
            seq_lengths = kv_indices.shape[-2] * size[0], kv_indices.shape[-1] * size[1]
        mask = noop_mask if mask_mod is None else mask_mod
        return cls(seq_lengths, kv_num_blocks, kv_indices, full_kv_num_blocks, full_kv_indices, *columns, *full_columns,
                   size, mask)  # fmt: skip

    @property
    def shape(self) -> tuple[int, ...]:
        """(B, H, queries, keys)."""
        return (*self.kv_indices.shape[:-2], *self.seq_lengths)

    def numel(self) -> int:
        """How many scores there are."""
        return math.prod(self.shape)

    def to_dense(self) -> Tensor:
        """Which blocks take part, int32 (B, H, rows, columns) of 0 and 1."""
        dense = _unlisted(self.kv_num_blocks, self.kv_indices)
        if self.full_kv_num_blocks is not None and self.full_kv_indices is not None:
            dense = dense | _unlisted(self.full_kv_num_blocks, self.full_kv_indices)
        return dense

    def sparsity(self) -> float:
        """The percentage of the scores that no block covers; below 0 where blocks reach beyond the last row or column."""
        blocks = int(self.kv_num_blocks.sum())
        if self.full_kv_num_blocks is not None:
            blocks += int(self.full_kv_num_blocks.sum())
        return 100 * (1 - blocks * math.prod(self.BLOCK_SIZE) / self.numel())

    def __getitem__(self, index: Any) -> "BlockMask":
        """A part: of the batch, the heads and the rows of blocks. It keeps the lengths, and has no mask_mod until one is set."""
        index = index if isinstance(index, tuple) else (index,)
        if len(index) > self.kv_num_blocks.dim():
            raise IndexError(f"too many indices for a BlockMask of {self.kv_num_blocks.dim()} dimensions: {len(index)}")
        index = tuple(_kept(i, n) for i, n in zip(index, self.kv_num_blocks.shape))
        full, places = self.full_kv_num_blocks, self.full_kv_indices
        return BlockMask.from_kv_blocks(
            self.kv_num_blocks[index],
            self.kv_indices[index],
            None if full is None else full[index],
            None if places is None else places[index],
            BLOCK_SIZE=self.BLOCK_SIZE,
            mask_mod=_refused,
            seq_lengths=self.seq_lengths,
            compute_q_blocks=self.q_indices is not None,
        )

    def _adjust(self, new_q_len: int, new_kv_len: int) -> "BlockMask":
        """The mask of the first new_q_len queries and new_kv_len keys."""
        rows, columns = (-(-n // size) for n, size in zip((new_q_len, new_kv_len), self.BLOCK_SIZE))

        def cut(counts: Tensor | None, indices: Tensor | None) -> tuple[Tensor | None, Tensor | None]:
            if counts is None or indices is None:
                return None, None
            return _listed(_unlisted(counts, indices)[..., :rows, :columns])

        counts, indices = cut(self.kv_num_blocks, self.kv_indices)
        if counts is None or indices is None:
            raise RuntimeError("a BlockMask without blocks")
        return BlockMask.from_kv_blocks(
            counts,
            indices,
            *cut(self.full_kv_num_blocks, self.full_kv_indices),
            BLOCK_SIZE=self.BLOCK_SIZE,
            mask_mod=self.mask_mod,
            seq_lengths=(new_q_len, new_kv_len),
            compute_q_blocks=self.q_indices is not None,
        )

    def to(self, device: Any) -> "BlockMask":
        """The mask with its lists on a device."""
        moved = [None if x is None else x.to(device) for x in self._lists()]
        made: Any = BlockMask
        result: BlockMask = made(self.seq_lengths, *moved, self.BLOCK_SIZE, self.mask_mod)
        return result

    def _lists(self) -> tuple[Tensor | None, ...]:
        return (
            self.kv_num_blocks, self.kv_indices, self.full_kv_num_blocks, self.full_kv_indices, self.q_num_blocks,
            self.q_indices, self.full_q_num_blocks, self.full_q_indices,
        )  # fmt: skip

    def as_tuple(self, flatten: bool = True) -> tuple[Any, ...]:
        """The lengths, the lists, the block size and mask_mod; flatten: lengths and block size as two numbers each."""
        if flatten:
            return (*self.seq_lengths, *self._lists(), *self.BLOCK_SIZE, self.mask_mod)
        return (self.seq_lengths, *self._lists(), self.BLOCK_SIZE, self.mask_mod)

    def __repr__(self) -> str:
        names = (
            "kv_num_blocks", "kv_indices", "full_kv_num_blocks", "full_kv_indices", "q_num_blocks", "q_indices",
            "full_q_num_blocks", "full_q_indices",
        )  # fmt: skip
        lines = [f"    {n}={None if x is None else x.shape},\n" for n, x in zip(names, self._lists())]
        mask = getattr(self.mask_mod, "__name__", repr(self.mask_mod))
        return (
            f"BlockMask(\n{''.join(lines)}    BLOCK_SIZE={self.BLOCK_SIZE},\n    shape={self.shape},\n"
            f"    sparsity={self.sparsity():.2f}%,\n    mask_mod={mask}\n)"
        )

    def __str__(self) -> str:
        return f"BlockMask(shape={self.shape}, sparsity={self.sparsity():.2f}%, \n{self.to_string()}\n)"

    def to_string(self, grid_size: int | tuple[int, int] = (20, 20), limit: int = 4) -> str:
        """A picture of the blocks, a grid each of the first `limit` heads: full where all of a cell takes part."""
        dense = self.to_dense()
        cells = [n if m == -1 else m for m, n in zip(_pair(grid_size), dense.shape[-2:])]
        rows, columns = (-(-n // max(1, m)) for n, m in zip(dense.shape[-2:], cells))
        lead = [(b, h) for b in range(dense.shape[0]) for h in range(dense.shape[1])]
        pictures = []
        for place in lead[:limit]:
            grid = dense[place]
            lines = [str(place)]
            for top in range(0, grid.shape[0], rows):
                shares = [
                    float(grid[top : top + rows, left : left + columns].float().mean())
                    for left in range(0, grid.shape[1], columns)
                ]
                lines.append("".join("██" if c == 1 else "  " if c == 0 else "░░" for c in shares))
            pictures.append("\n".join(lines))
        if len(lead) > limit:
            pictures.append(f"...\nand {len(lead) - limit} more: to_string(limit=...) shows them.")
        return "\n".join(pictures)


def _kept(index: Any, size: int) -> Any:
    """An index that keeps its dimension."""
    if isinstance(index, int):
        if not -size <= index < size:
            raise IndexError(f"index {index} is out of bounds for a dimension of size {size}")
        return slice(index % size, index % size + 1)
    return index


def create_block_mask(
    mask_mod: MaskMod,
    B: int | None,
    H: int | None,
    Q_LEN: int,
    KV_LEN: int,
    device: Any = None,
    BLOCK_SIZE: int | tuple[int, int] = _DEFAULT_SPARSE_BLOCK_SIZE,
    _compile: bool = False,
    separate_full_blocks: bool = True,
) -> BlockMask:
    """The blocks of a mask: mask_mod(b, h, q_idx, kv_idx) says what takes part; B and H None where it is the same for all.

    BLOCK_SIZE: queries and keys of a block. separate_full_blocks: list full blocks apart from partial ones.
    Raises TypeError for what cannot be called, AssertionError for what takes other arguments.
    """
    if not callable(mask_mod):
        raise TypeError(f"{mask_mod!r} is not a callable object")
    if _takes_scores(mask_mod):
        raise AssertionError(
            f"create_block_mask requires a mask_mod function! Got {mask_mod!r}, which takes a score: use it as score_mod."
        )
    size = _pair(BLOCK_SIZE)
    mask = create_mask(mask_mod, B, H, Q_LEN, KV_LEN, device)
    rest = [-n % s for n, s in zip((Q_LEN, KV_LEN), size)]
    padded = pynn.nn.functional.pad(mask.to(pynn.int32), (0, rest[1], 0, rest[0]))
    b, h, rows, columns = padded.shape
    kept = padded.reshape(b, h, rows // size[0], size[0], columns // size[1], size[1]).sum((3, 5))
    full = kept == size[0] * size[1]
    partial = (kept > 0) & ~full if separate_full_blocks else kept > 0
    counts, indices = _listed(partial.to(pynn.int32))
    full_counts, full_indices = _listed(full.to(pynn.int32)) if separate_full_blocks else (None, None)
    return BlockMask.from_kv_blocks(counts, indices, full_counts, full_indices, size, mask_mod, (Q_LEN, KV_LEN))


# ---- attention ----


def _check(query: Tensor, key: Tensor, value: Tensor, block_mask: BlockMask | None, enable_gqa: bool) -> None:
    if not query.dim() == key.dim() == value.dim() == 4:
        raise NotImplementedError(
            f"NYI: query, key, and value must be 4D tensors (B, H, length, E), got {query.dim()}, {key.dim()} and "
            f"{value.dim()} dimensions"
        )
    if not query.dtype == key.dtype == value.dtype:
        raise ValueError(
            f"Expected query, key, and value to have the same dtype, but got query.dtype: {query.dtype}, key.dtype: "
            f"{key.dtype}, and value.dtype: {value.dtype} instead."
        )
    if query.shape[-1] != key.shape[-1]:
        raise ValueError(
            "Expect query and key/value to have the same embedding dimension but got "
            f"E={query.shape[-1]} and E={key.shape[-1]}."
        )
    if query.shape[0] != key.shape[0] and (block_mask is None or key.shape[0] != 1):
        raise ValueError(
            "Expect query and key/value to have the same batch size, or non-none block_mask, but got "
            f"block_mask={block_mask}, Bq={query.shape[0]}, and Bkv={key.shape[0]}."
        )
    heads, kv_heads = query.shape[1], key.shape[1]
    if heads != kv_heads and not enable_gqa:
        raise ValueError(
            f"Expect query and key/value to have the same number of heads but got Hq={heads} and Hkv={kv_heads}. Try "
            "setting enable_gqa=True for GQA."
        )
    if heads % kv_heads:
        raise ValueError(
            f"Expect number of query heads to be a multiple of kv heads for GQA but got Hq={heads} and Hkv={kv_heads}."
        )
    if block_mask is not None:
        _check_mask(block_mask, query, key)


def _check_mask(mask: BlockMask, query: Tensor, key: Tensor) -> None:
    lengths = (query.shape[-2], key.shape[-2])
    if tuple(mask.shape[-2:]) != lengths:
        raise ValueError(
            f"block_mask was created for block_mask.shape={mask.shape} but got q_len={lengths[0]} and "
            f"kv_len={lengths[1]}. Create one for these lengths, or cut it to them by block_mask._adjust(q_len, kv_len)."
        )
    for what, have, want in zip(("batch size", "number of heads"), mask.shape, query.shape):
        if have not in (1, want):
            raise RuntimeError(f"block_mask has a {what} of {have}, which does not broadcast to query's {want}.")


def flex_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    score_mod: ScoreMod | None = None,
    block_mask: BlockMask | None = None,
    scale: float | None = None,
    enable_gqa: bool = False,
    return_lse: bool = False,
    kernel_options: FlexKernelOptions | None = None,
    *,
    return_aux: AuxRequest | None = None,
) -> Any:
    """softmax(score_mod(query @ key^T * scale) where block_mask keeps it) @ value.

    query (B, H, L, E), key (B, H, S, E), value (B, H, S, Ev): (B, H, L, Ev). score_mod(score, batch, head, q_idx,
    kv_idx) -> score; see the module's docstring for the shapes. scale: default 1 / sqrt(E). enable_gqa: several heads
    of query share one of key and value. A row that sees nothing gives zeros. return_lse: (output, the logarithm of
    each row's sum of exponentials (B, H, L)); return_aux: (output, AuxOutput). kernel_options: without effect.
    Raises ValueError, NotImplementedError for inputs that do not fit, as torch does.
    """
    _check(query, key, value, block_mask, enable_gqa)
    shape = (*query.shape[:-1], key.shape[-2])
    if key.shape[0] != shape[0]:
        key, value = (x.expand(shape[0], -1, -1, -1) for x in (key, value))
    if key.shape[1] != shape[1]:
        key, value = (x.repeat_interleave(shape[1] // x.shape[1], dim=1) for x in (key, value))
    places = _places(shape, query.device)
    mask = None if block_mask is None else block_mask.mask_mod(*places)
    if score_mod is None and not return_lse and return_aux is None:
        return scaled_dot_product_attention(query, key, value, mask, scale=scale)
    scale = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    wide = pynn.float32 if query.dtype in (pynn.float16, pynn.bfloat16) else query.dtype
    scores = query.to(wide) @ key.to(wide).mT * scale
    if score_mod is not None:
        scores = _modified(score_mod, scores, places, shape)
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf)
    largest = scores.detach().amax(-1, keepdim=True)
    base = largest.masked_fill(largest == -math.inf, 0.0)  # a row of -inf gives exponentials of 0, and zeros
    weights = (scores - base).exp()
    total = weights.sum(-1, keepdim=True)
    output = (weights @ value.to(wide) / total.masked_fill(total == 0, 1.0)).to(query.dtype)
    if not return_lse and return_aux is None:
        return output
    lse = (base + total.log()).squeeze(-1)
    if return_aux is None:
        return output, lse
    most = scores.amax(-1) if return_aux.max_scores else None
    return output, AuxOutput(lse if return_aux.lse else None, most)


def _modified(score_mod: ScoreMod, scores: Tensor, places: list[Tensor], shape: tuple[int, ...]) -> Tensor:
    changed = score_mod(scores, *places)
    if not isinstance(changed, Tensor):
        raise TypeError(f"score_mod must return a Tensor, got {type(changed).__name__}.")
    try:
        return changed.expand(shape)
    except RuntimeError as error:
        raise RuntimeError(
            f"score_mod returned a tensor of shape {list(changed.shape)}, expected one that broadcasts to the scores' "
            f"{list(shape)}: compute element by element, and read tables at the indices given."
        ) from error
