"""torch.onnx's names: models are not exported yet."""

from typing import Any, NoReturn

__all__ = ["OnnxExporterError", "dynamo_export", "export", "is_in_onnx_export", "is_onnxrt_backend_supported"]


class OnnxExporterError(RuntimeError):
    """What an export that fails raises."""


def export(*args: Any, **kwargs: Any) -> NoReturn:
    """Refused: NotImplementedError, with what to do instead."""
    raise NotImplementedError(
        "pynn.onnx.export: writing ONNX files is out of pynn's scope so far; save the state_dict with pynn.save, which "
        "torch reads, and export the same model from there."
    )


dynamo_export = export


def is_in_onnx_export() -> bool:
    """Whether a model is being exported: never."""
    return False


def is_onnxrt_backend_supported() -> bool:
    """Whether ONNX Runtime can run what is compiled: nothing is."""
    return False
