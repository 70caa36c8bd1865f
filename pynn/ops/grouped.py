"""Matrix products by groups of rows or columns, as mixtures of experts need them: one product a group, in one operation."""

from typing import Any

from pynn._core import Op, Tensor, call, observe
from pynn.ops.registry import Sample, cast, joint, register, run


def _swap(xp: Any, x: Any) -> Any:
    return xp.permute_dims(x, (*range(x.ndim - 2), x.ndim - 1, x.ndim - 2))


def _grouped(xp: Any, a: Any, b: Any, ends: Any) -> Any:
    """a @ b of each group: of the rows of a 2-D a, the columns of a 2-D b, or, of two of these, what is summed over."""
    parts = list(zip((0, *ends[:-1]), ends))
    if a.ndim == 2 and b.ndim == 2:
        return xp.stack([xp.matmul(a[:, start:end], b[start:end]) for start, end in parts])
    if a.ndim == 2:
        out = xp.zeros((a.shape[0], b.shape[2]), dtype=a.dtype)  # rows that are in no group stay 0
        for group, (start, end) in enumerate(parts):
            out[start:end] = xp.matmul(a[start:end], b[group])
    else:
        out = xp.zeros((a.shape[1], b.shape[1]), dtype=a.dtype)
        for group, (start, end) in enumerate(parts):
            out[:, start:end] = xp.matmul(a[group], b[:, start:end])
    return out


@joint
def _grouped_vjp(xp: Any, needs: Any, g: Any, out: Any, a: Any, b: Any, ends: Any) -> Any:
    return (
        run(xp, GROUPED_MM, (g, _swap(xp, b)), (ends,)) if needs & 1 else None,
        run(xp, GROUPED_MM, (_swap(xp, a), g), (ends,)) if needs & 2 else None,
    )


def _shape(a: Any, b: Any, ends: Any) -> Any:
    if len(a) == len(b) == 2:
        return (len(ends), a[0], b[1])
    return (a[-2], b[-1])


def _torch(t: Any, a: Any, b: Any, ends: Any) -> Any:
    parts = list(zip((0, *ends[:-1]), ends))
    if a.ndim == 2 and b.ndim == 2:
        return t.stack([a[:, s:e] @ b[s:e] for s, e in parts])
    if a.ndim == 2:
        rest = t.zeros(a.shape[0] - ends[-1], b.shape[2], dtype=a.dtype)
        return t.cat([*(a[s:e] @ b[g] for g, (s, e) in enumerate(parts)), rest])
    rest = t.zeros(a.shape[1], b.shape[1] - ends[-1], dtype=a.dtype)
    return t.cat([*(a[g] @ b[:, s:e] for g, (s, e) in enumerate(parts)), rest], 1)


GROUPED_MM: Op = register(
    "grouped_mm",
    vjp=_grouped_vjp,
    saves={0: (1,), 1: (0,)},
    shape=_shape,
    attrs=("ends",),
    samples=lambda rng: [
        Sample((rng.normal(size=a), rng.normal(size=b)), (ends,))
        for a, b in (((6, 4), (3, 4, 5)), ((4, 6), (6, 5)), ((3, 4, 5), (5, 6)))
        for ends in ((2, 2, 6), (1, 3, 5))
    ],
    torch=_torch,
    tolerance={"float32": 1e-5},
)(_grouped)


def grouped_mm(
    mat_a: Tensor, mat_b: Tensor, *, offs: Tensor | None = None, bias: Tensor | None = None, out_dtype: Any = None
) -> Tensor:
    """mat_a @ mat_b by groups: mat_a (M, K) and mat_b (G, K, N) give (M, N), (M, K) and (K, N) give (G, M, N), (G, M, K)
    and (K, N) give (M, N).

    offs: int32, where each group ends in the dimension that is split; rows or columns beyond the last are 0. Of two 3-D
    tensors the product of batches, without offs. Raises RuntimeError for arguments that do not fit.
    """
    a, b = mat_a._array, mat_b._array
    if bias is not None:
        raise RuntimeError("Bias not supported yet")
    if not (a.ndim in (2, 3) and b.ndim in (2, 3)):
        raise RuntimeError(f"grouped_mm: mat_a and mat_b have to be 2 or 3 dimensional, got {a.ndim} and {b.ndim}.")
    if (offs is None) != (a.ndim == b.ndim == 3):
        raise RuntimeError("Have to provide offsets if there is a 2d matrix, or no offset if both matrices are 3d")
    if a.dtype != b.dtype:
        raise RuntimeError(f"grouped_mm: mat_a and mat_b must have the same dtype, but got {a.dtype} and {b.dtype}.")
    if a.shape[-1] != b.shape[-2]:
        raise RuntimeError(
            f"contraction dimension of mat_a and mat_b must match, got shapes {list(a.shape)} and {list(b.shape)}"
        )
    if offs is None:
        if a.shape[0] != b.shape[0]:
            raise RuntimeError(f"matrix batch sizes have to match, got {a.shape[0]} and {b.shape[0]}")
        found = mat_a @ mat_b
    else:
        found = call(GROUPED_MM, (mat_a, mat_b), (_ends(a, b, offs),))
    return found if out_dtype is None else cast(found, out_dtype.numpy)


def _ends(a: Any, b: Any, offs: Tensor) -> tuple[int, ...]:
    ends = observe(offs)
    if ends.ndim != 1 or str(ends.dtype) != "int32":
        raise RuntimeError(f"Offsets have to be int32, in one dimension, got {offs.dtype} of shape {list(offs.shape)}.")
    groups = next((x.shape[0] for x in (a, b) if x.ndim == 3), len(ends))
    if groups != len(ends):
        raise RuntimeError(f"matrix batch sizes have to match: got {groups} matrices and {len(ends)} offsets.")
    split = b.shape[1] if a.ndim == 3 else a.shape[0] if b.ndim == 3 else a.shape[1]
    values: list[int] = ends.tolist()
    if sorted(values) != values or (values and not 0 <= values[0] <= values[-1] <= split):
        raise RuntimeError(f"Offsets have to rise from 0 to {split} at most, got {values}.")
    return tuple(values)


def _grouped_mm(
    self: Tensor, mat2: Tensor, offs: Tensor | None = None, bias: Tensor | None = None, out_dtype: Any = None
) -> Tensor:
    """`grouped_mm`, as torch had it before it was public."""
    return grouped_mm(self, mat2, offs=offs, bias=bias, out_dtype=out_dtype)
