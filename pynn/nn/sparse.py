"""Tables of vectors looked up by index."""

from typing import Any

from pynn._core import Tensor
from pynn.autograd import no_grad
from pynn.nn import functional as F
from pynn.nn import init
from pynn.nn.module import Module
from pynn.nn.parameter import Parameter
from pynn.ops.creation import empty

__all__ = ["Embedding", "EmbeddingBag"]


class _Table(Module):
    """The weight of both: (num_embeddings, embedding_dim), drawn from N(0, 1), the row padding_idx zero."""

    def _set_up(self, num_embeddings: Any, embedding_dim: Any, padding_idx: Any, max_norm: Any, norm_type: Any, scale_grad_by_freq: Any, sparse: Any,
                weight: Any, freeze: Any, device: Any, dtype: Any) -> None:  # fmt: skip
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        if padding_idx is not None and not -num_embeddings <= padding_idx < num_embeddings:
            raise AssertionError(
                f"Padding_idx must be within num_embeddings: got {padding_idx} for {num_embeddings} embeddings."
            )
        self.padding_idx = padding_idx if padding_idx is None or padding_idx >= 0 else num_embeddings + padding_idx
        self.max_norm = max_norm
        self.norm_type = norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        self.sparse = sparse
        if weight is None:
            table = empty((num_embeddings, embedding_dim), device=device, dtype=dtype)
            self.weight = Parameter(table, requires_grad=not freeze)
            self.reset_parameters()
        elif tuple(weight.shape) != (num_embeddings, embedding_dim):
            raise AssertionError(
                f"Shape of weight does not match num_embeddings and embedding_dim: got {list(weight.shape)}, expected "
                f"{[num_embeddings, embedding_dim]}."
            )
        else:
            self.weight = Parameter(weight, requires_grad=not freeze)

    def reset_parameters(self) -> None:
        """Draw the weight anew."""
        init.normal_(self.weight)
        self._fill_padding_idx_with_zero()

    def _fill_padding_idx_with_zero(self) -> None:
        if self.padding_idx is not None:
            with no_grad():
                self.weight[self.padding_idx].fill_(0)

    @classmethod
    def _from_pretrained(cls, embeddings: Any, freeze: Any, *args: Any, **kwargs: Any) -> Any:
        if embeddings.dim() != 2:
            raise AssertionError(
                f"Embeddings parameter is expected to be 2-dimensional, got shape {list(embeddings.shape)}."
            )
        made = cls(*embeddings.shape, *args, _weight=embeddings, **kwargs)
        made.weight.requires_grad = not freeze
        return made

    def _shown(self) -> Any:
        """The arguments that repr shows, those of their default left out."""
        parts = {"padding_idx": self.padding_idx, "max_norm": self.max_norm}
        parts["norm_type"] = None if self.norm_type == 2 else self.norm_type
        parts["scale_grad_by_freq"] = self.scale_grad_by_freq or None
        parts["sparse"] = self.sparse or None
        return {name: value for name, value in parts.items() if value is not None}

    def _text(self, parts: Any) -> Any:
        return ", ".join([str(self.num_embeddings), str(self.embedding_dim), *(f"{n}={v!r}" for n, v in parts.items())])


class Embedding(_Table):
    """Rows of a table by index: integers of any shape (*) -> (*, embedding_dim).

    padding_idx: a row that gets no gradient (and starts at zero). max_norm: rows used are first scaled down to
    this norm, in place. sparse is accepted; gradients are dense. IndexError for an index outside the table.
    """

    def __init__(self, num_embeddings: int, embedding_dim: int, padding_idx: int | None=None, max_norm: float | None=None, norm_type: float=2.0,
                 scale_grad_by_freq: bool=False, sparse: bool=False, _weight: Tensor | None=None, _freeze: bool=False, device: Any=None, dtype: Any=None) -> None:  # fmt: skip
        super().__init__()
        self._set_up(num_embeddings, embedding_dim, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse,
                     _weight, _freeze, device, dtype)  # fmt: skip

    def forward(self, input: Tensor) -> Tensor:
        return F.embedding(
            input, self.weight, self.padding_idx, self.max_norm, self.norm_type, self.scale_grad_by_freq, self.sparse
        )

    @classmethod
    def from_pretrained(cls, embeddings: Any, freeze: bool=True, padding_idx: int | None=None, max_norm: float | None=None, norm_type: float=2.0,
                        scale_grad_by_freq: bool=False, sparse: bool=False) -> Any:  # fmt: skip
        """An Embedding over a given (num_embeddings, embedding_dim) tensor; freeze: without gradient."""
        return cls._from_pretrained(
            embeddings, freeze, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse, _freeze=freeze
        )

    def extra_repr(self) -> str:
        out: str = self._text(self._shown())
        return out


class EmbeddingBag(_Table):
    """Sums, means or maxima of bags of a table's rows.

    Input: (B, N), a bag of N a row, or (N,) with offsets (B,) where each bag starts: -> (B, embedding_dim).
    mode: "sum", "mean" or "max"; per_sample_weights: of input's shape, mode "sum" only.
    """

    def __init__(self, num_embeddings: int, embedding_dim: int, max_norm: float | None=None, norm_type: float=2.0, scale_grad_by_freq: bool=False, mode: str="mean",
                 sparse: bool=False, _weight: Tensor | None=None, include_last_offset: bool=False, padding_idx: int | None=None, device: Any=None, dtype: Any=None) -> None:  # fmt: skip
        super().__init__()
        self.mode = mode
        self.include_last_offset = include_last_offset
        self._set_up(num_embeddings, embedding_dim, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse,
                     _weight, False, device, dtype)  # fmt: skip

    def forward(self, input: Tensor, offsets: Tensor | None = None, per_sample_weights: Tensor | None = None) -> Tensor:
        return F.embedding_bag(
            input, self.weight, offsets, self.max_norm, self.norm_type, self.scale_grad_by_freq, self.mode, self.sparse,
            per_sample_weights, self.include_last_offset, self.padding_idx,
        )  # fmt: skip

    @classmethod
    def from_pretrained(cls, embeddings: Any, freeze: bool=True, max_norm: float | None=None, norm_type: float=2.0, scale_grad_by_freq: bool=False, mode: str="mean",
                        sparse: bool=False, include_last_offset: bool=False, padding_idx: int | None=None) -> Any:  # fmt: skip
        """An EmbeddingBag over a given (num_embeddings, embedding_dim) tensor; freeze: without gradient."""
        return cls._from_pretrained(
            embeddings, freeze, max_norm, norm_type, scale_grad_by_freq, mode, sparse,
            include_last_offset=include_last_offset, padding_idx=padding_idx,
        )  # fmt: skip

    def extra_repr(self) -> str:
        parts = self._shown()
        parts.pop("sparse", None)
        padding = parts.pop("padding_idx", None)
        parts["mode"] = self.mode
        out: str = self._text(parts if padding is None else {**parts, "padding_idx": padding})
        return out
