"""What torch has and pynn does not, and what to do instead: the text of the error when such a name is used."""

from collections.abc import Mapping
from typing import Any

# The first word of a dotted name, or a whole name -> why it is not here, and the way round.
REASONS = {
    "fft": "Fourier transforms are out of pynn's scope so far; use numpy.fft on x.numpy().",
    "sparse": "sparse tensors are out of pynn's scope so far; use dense ones, or scipy.sparse on x.numpy().",
    "nested": "nested tensors are out of pynn's scope so far; nn.utils.rnn.pad_sequence and a mask do instead.",
    "quantization": "quantized tensors are out of pynn's scope so far; bfloat16 halves a model's size.",
    "ao": "quantization is out of pynn's scope so far; bfloat16 halves a model's size.",
    "complex64": "complex tensors are out of pynn's scope so far; keep real and imaginary parts as two tensors.",
    "export": "exported graphs are out of pynn's scope so far; pynn.save keeps a state_dict that torch reads.",
    "vulkan": "there is no Vulkan device with this build; use device='cpu'.",
    "sparse_coo_tensor": "sparse tensors are out of pynn's scope so far; use dense ones.",
    "sparse_csr_tensor": "sparse tensors are out of pynn's scope so far; use dense ones.",
    "quantize_per_tensor": "quantized tensors are out of pynn's scope so far.",
}
for _name in ("complex", "view_as_complex", "view_as_real", "polar"):
    REASONS[_name] = REASONS["complex64"]
REASONS["airy_ai"] = "Airy functions are out of pynn's scope so far; use scipy.special.airy on x.numpy()."
for _name, _now in (
    ("solve", "solve"), ("lstsq", "lstsq"), ("symeig", "eigh"), ("eig", "eigh"), ("matrix_rank", "matrix_rank"),
):  # fmt: skip
    REASONS[_name] = f"torch has removed it, too; use pynn.linalg.{_now}."
for _name in ("stft", "istft"):
    REASONS[_name] = REASONS["fft"]


def explain(module: str, name: str, reasons: str | Mapping[str, str] | None = None) -> str:
    """The message of the AttributeError for `module.name`: with the reason, that of the name, or one of those above."""
    reason = reasons if isinstance(reasons, str) else (REASONS if reasons is None else reasons).get(name)
    text = f"module '{module}' has no attribute '{name}'"
    return f"{text}: {reason}" if reason else text


# Tensor's attributes that are not here: those of each kind of tensor that pynn lacks.
_TENSOR = {
    "complex64": "cdouble cfloat chalf",
    "fft": "istft stft",
    "quantize_per_tensor": "dequantize int_repr q_per_channel_axis q_per_channel_scales q_per_channel_zero_points q_scale "
    "q_zero_point qscheme",
    "sparse_coo_tensor": "ccol_indices coalesce col_indices crow_indices indices resize_as_sparse_ row_indices smm "
    "sparse_mask sparse_resize_ sparse_resize_and_clear_ sspaddmm to_sparse to_sparse_bsc to_sparse_bsr to_sparse_coo "
    "to_sparse_csc to_sparse_csr values",
}
TENSOR_REASONS = {name: REASONS[kind] for kind, names in _TENSOR.items() for name in names.split()}


class AbsentAttribute:
    """An attribute that objects lack: asking them for it says why, by an AttributeError, so that hasattr is False."""

    def __init__(self, name: str, reason: str) -> None:
        self.name, self.reason = name, reason

    def __get__(self, obj: Any, owner: type) -> Any:
        if obj is None:
            return self
        raise AttributeError(f"'{owner.__name__}' object has no attribute '{self.name}': {self.reason}")
