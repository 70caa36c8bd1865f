"""torch's SummaryWriter over tensorboardX's: its signatures, and pynn's tensors wherever values go."""

import os
import time
from typing import Any

import numpy
import tensorboardX

from pynn._core import Tensor, observe
from pynn._dtypes import plain


def _values(x: Any) -> Any:
    """x with its tensors, however deeply they lie, as NumPy arrays (bfloat16 as float32)."""
    if isinstance(x, Tensor):
        return numpy.array(plain(observe(x)))
    if isinstance(x, dict):
        return {key: _values(value) for key, value in x.items()}
    if isinstance(x, (list, tuple)) and any(isinstance(item, (Tensor, list, tuple, dict)) for item in x):
        return type(x)([_values(item) for item in x]) if type(x) in (list, tuple) else x
    return x


def _number(x: Any) -> Any:
    """A tensor of one element as its number."""
    return _values(x).item() if isinstance(x, Tensor) else x


class SummaryWriter(tensorboardX.SummaryWriter):  # type: ignore[misc]
    """Writes events for TensorBoard into a folder.

    log_dir: the folder, by default runs/<date>_<host><comment>. purge_step: hide what an earlier run wrote from this
        step on. max_queue, flush_secs: how much, and how long, is kept before it is written.

    Every method takes pynn tensors (and NumPy arrays and numbers) for values. A context manager: it closes the files.
    """

    def __init__(
        self,
        log_dir: "str | os.PathLike[str] | None" = None,
        comment: str = "",
        purge_step: int | None = None,
        max_queue: int = 10,
        flush_secs: int = 120,
        filename_suffix: str = "",
    ) -> None:
        folder = None if log_dir is None else os.fspath(log_dir)
        super().__init__(folder, comment, purge_step, max_queue, flush_secs, filename_suffix)

    @property
    def log_dir(self) -> str:
        """The folder."""
        return str(self.logdir)

    def get_logdir(self) -> str:
        """The folder."""
        return str(self.logdir)

    def add_scalar(
        self,
        tag: str,
        scalar_value: Any,
        global_step: int | None = None,
        walltime: float | None = None,
        new_style: bool = False,
        double_precision: bool = False,
    ) -> None:
        """A number of a step. It is written in single precision, in either style."""
        super().add_scalar(tag, _number(scalar_value), _number(global_step), walltime)

    def add_scalars(
        self,
        main_tag: str,
        tag_scalar_dict: dict[str, Any],
        global_step: int | None = None,
        walltime: float | None = None,
    ) -> None:
        """Several numbers of a step, in one chart."""
        numbers = {tag: _number(value) for tag, value in tag_scalar_dict.items()}
        super().add_scalars(main_tag, numbers, _number(global_step), walltime)

    def add_hparams(
        self,
        hparam_dict: dict[str, Any],
        metric_dict: dict[str, Any],
        hparam_domain_discrete: dict[str, list[Any]] | None = None,
        run_name: str | None = None,
        global_step: int | None = None,
    ) -> None:
        """The settings of a run and what came of them. hparam_domain_discrete is not written: tensorboardX has no place."""
        if type(hparam_dict) is not dict or type(metric_dict) is not dict:
            raise TypeError("hparam_dict and metric_dict should be dictionary.")
        settings = {name: _number(value) for name, value in hparam_dict.items()}
        results = {name: _number(value) for name, value in metric_dict.items()}
        super().add_hparams(settings, results, run_name or str(time.time()), global_step)

    def add_graph(
        self, model: Any, input_to_model: Any = None, verbose: bool = False, use_strict_trace: bool = True
    ) -> None:
        """NotImplementedError: a graph needs torch's tracer."""
        raise NotImplementedError(
            "add_graph needs a traced program, which pynn has not. Leave the call out; print(model) shows the modules."
        )

    def add_tensor(self, tag: str, tensor: Any, global_step: int | None = None, walltime: float | None = None) -> None:
        """NotImplementedError: tensorboardX writes no raw tensors."""
        raise NotImplementedError("add_tensor is not offered by tensorboardX. Use add_histogram, or save the tensor.")


def _taking_tensors(name: str) -> Any:
    theirs = getattr(tensorboardX.SummaryWriter, name)

    def method(self: SummaryWriter, *args: Any, **kwargs: Any) -> Any:
        return theirs(self, *(_values(x) for x in args), **{key: _values(x) for key, x in kwargs.items()})

    method.__name__, method.__qualname__, method.__doc__ = name, f"SummaryWriter.{name}", theirs.__doc__
    return method


for _name in (
    "add_histogram", "add_histogram_raw", "add_image", "add_images", "add_image_with_boxes", "add_video", "add_audio",
    "add_embedding", "add_pr_curve", "add_pr_curve_raw", "add_mesh", "add_text",
):  # fmt: skip
    setattr(SummaryWriter, _name, _taking_tensors(_name))
