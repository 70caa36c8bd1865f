"""Write docs/torch_names.md: which of torch's public names pynn has, has in part, or lacks, and why.

    python tools/make_torch_names.py           write it (needs `pip install torch==2.13.0`)
    python tools/make_torch_names.py --check   exit 1 unless the file is as it would be written

A name counts as covered where pynn has it; what a covered name leaves out is kept by hand in PARTIAL, and why a name
is absent in REASONS (patterns, the first that matches).
"""

import argparse
import importlib
import inspect
import pathlib
import re
import sys
import warnings
from typing import Any

ROOT = pathlib.Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

import pynn  # noqa: E402
from pynn import _named_dtypes, _stand_ins  # noqa: E402
from pynn._absent import AbsentAttribute  # noqa: E402

TARGET = ROOT / "docs" / "torch_names.md"

MODULES = (
    "torch", "torch.Tensor", "torch.nn", "torch.nn.functional", "torch.nn.init", "torch.nn.parameter", "torch.nn.attention",
    "torch.nn.attention.flex_attention", "torch.nn.attention.bias",
    "torch.nn.utils", "torch.nn.utils.rnn", "torch.nn.utils.parametrize", "torch.nn.utils.parametrizations",
    "torch.nn.utils.prune", "torch.nn.utils.stateless", "torch.nn.utils.fusion", "torch.optim", "torch.optim.lr_scheduler",
    "torch.optim.swa_utils", "torch.optim.optimizer", "torch.autograd", "torch.autograd.function", "torch.autograd.functional",
    "torch.autograd.forward_ad", "torch.autograd.graph", "torch.autograd.profiler", "torch.func", "torch.utils",
    "torch.utils.data", "torch.utils.data.distributed", "torch.utils.checkpoint", "torch.utils.dlpack",
    "torch.utils.tensorboard", "torch.utils.model_zoo", "torch.utils.hooks", "torch.linalg", "torch.special", "torch.amp",
    "torch.cuda", "torch.cuda.amp", "torch.cpu", "torch.cpu.amp", "torch.accelerator", "torch.mps", "torch.xpu",
    "torch.backends", "torch.backends.cpu", "torch.backends.cuda", "torch.backends.cudnn", "torch.backends.mkl",
    "torch.backends.mkldnn", "torch.backends.mps", "torch.backends.openmp", "torch.backends.opt_einsum", "torch.random",
    "torch.testing", "torch.serialization", "torch.hub", "torch.jit", "torch.compiler", "torch.overrides", "torch.types",
    "torch.version", "torch.return_types", "torch.multiprocessing", "torch.distributed", "torch.profiler", "torch.onnx",
    "torch.futures", "torch.monitor", "torch.fx", "torch.library", "torch.export", "torch.package", "torch.fft",
    "torch.signal.windows", "torch.masked", "torch.nested", "torch.sparse", "torch.distributions",
)  # fmt: skip

# What a name that is there leaves out.
PARTIAL = {
    **{f"torch.{name}": "a name alone: no tensor has this dtype" for name in _named_dtypes.NAMED},
    "torch.compile": "returns its argument as it is, and says so once",
    "torch.jit.script": "returns its argument as it is, and says so once",
    "torch.jit.trace": "returns its argument as it is, and says so once",
    "torch.jit.trace_module": "returns its argument as it is, and says so once",
    "torch.jit.save": "raises: there are no scripts",
    "torch.jit.load": "raises: there are no scripts",
    "torch.onnx.export": "raises: not written yet",
    "torch.optim.SparseAdam": "step raises for dense gradients, as torch's does; there are no sparse ones",
    "torch.autocast": "on the CPU; of other devices warns and is off",
    "torch.amp.autocast": "on the CPU; of other devices warns and is off",
    "torch.set_default_device": "takes the CPU alone",
    "torch.set_flush_denormal": "returns False: subnormal numbers are kept",
    "torch.nn.attention.sdpa_kernel": "kept, and without effect: there is one implementation",
}

_SCOPE = "out of scope so far"
# (pattern of the full name, why it is absent); the first that matches.
REASONS = (
    (r"torch\.fft\b|.*\b(i?stft)$", f"Fourier transforms: {_SCOPE}"),
    (r"torch\.distributions\b", f"distributions beyond the common ones: {_SCOPE}"),
    (r"torch\.(sparse|masked|nested)\b", f"sparse, masked and nested tensors: {_SCOPE}"),
    (
        r".*(sparse|_csr|_csc|_bsr|_bsc|_coo|coalesce|crow_|ccol_|col_indices|row_indices|hspmm|smm$|hsmm|dsmm|sspaddmm|saddmm|spmm)",
        f"sparse tensors: {_SCOPE}",
    ),
    (r".*(indices|values)(_copy)?$", f"sparse tensors: {_SCOPE}"),
    (
        r".*(quantize|quantized|qscheme|q_scale|q_zero|q_per|int_repr|quint|qint|qparams|fake_quant)",
        f"quantized tensors: {_SCOPE}",
    ),
    (
        r".*(complex|cfloat|cdouble|chalf|\.polar|view_as_real|\.imag$|\.conj|\.angle$|resolve_|physical|is_neg|\.H$|\.mH$|adjoint|sgn)",
        f"complex tensors: {_SCOPE}",
    ),
    (r".*(nested|to_padded_tensor)", f"nested tensors: {_SCOPE}"),
    (
        r".*(cudnn_|miopen_|mkldnn_|fbgemm|native_|norm_elemt|norm_stats|norm_gather|norm_backward|norm_update_stats|_copy$|fused_|_with_indices$|norm_except|constant_pad_nd|convolution$|_grid_generator|grid_sampler|rrelu_|feature_\w*dropout|lobpcg)",
        "an internal of torch's, not in its documentation",
    ),
    (r".*(named_tensor|names$|rename|refine_names|align_|has_names)", f"named tensors: {_SCOPE}"),
    (r".*\b(xla|hpu|ipu|vulkan|mtia|maia|privateuse\w*|cuda|xpu|mps)\b.*", "of a device that this build has not"),
    (
        r"torch\.(fx|export|library|package|jit|compiler|onnx|monitor|profiler|multiprocessing|distributed)\b",
        "not written yet",
    ),
    (r"torch\.return_types\..*_out$", "an internal of torch's, not in its documentation"),
    (r"torch\.special\b", f"special functions beyond the common ones: {_SCOPE}"),
    (r".*(sym_|Sym[A-Z]|storage|Storage)", "an internal of torch's, not in its documentation"),
)

# Classes of torch's C++ side that programs do use.
_KEEP = {"Generator", "Size", "dtype", "device", "layout", "memory_format", "Tag", "Stream", "Event", "qscheme"}


def _internal(torch: Any, name: str, value: Any) -> bool:
    """Whether a name of torch's top level is one of its C++ side that no program uses: types of scripts and the like."""
    if isinstance(value, type):
        return getattr(torch._C, name, None) is value or not (value.__module__ or "").startswith("torch")
    if callable(value):
        return False
    return not isinstance(value, (float, type(None), torch.dtype, torch.layout, torch.memory_format, torch.qscheme))


def names_of(module: Any, full: str) -> list[str]:
    """A module's or class's public names: those it lists, or those that are its own."""
    listed = getattr(module, "__all__", None)
    names = list(listed) if listed and full != "torch" else dir(module)
    kept = []
    for name in sorted(set(names)):
        if name.startswith("_") or not hasattr(module, name):
            continue
        value = inspect.getattr_static(module, name)
        if name in _KEEP and full == "torch":
            kept.append(name)
            continue
        if inspect.ismodule(value) or getattr(value, "__module__", "") in (
            "typing",
            "collections",
            "collections.abc",
            "functools",
            "builtins",
            "contextlib",
            "abc",
            "datetime",
            "tempfile",
            "tqdm.std",
        ):
            continue
        if full == "torch" and _internal(module, name, value):
            continue
        kept.append(name)
    return kept


def resolve(full: str) -> bool:
    """Whether pynn has a dotted name of torch's; what only says why there is nothing does not count."""
    if _stand_ins.reason(full.partition(".")[2]) is not None:
        return False
    found: Any = pynn
    path = "pynn"
    for part in full.split(".")[1:]:
        path += "." + part
        try:
            found = inspect.getattr_static(found, part) if isinstance(found, type) else getattr(found, part)
        except (AttributeError, ImportError):
            try:
                found = importlib.import_module(path)
            except ImportError:
                return False
        except Exception:  # a name that is there and complains when touched
            return True
    return not isinstance(found, (_stand_ins.StandIn, AbsentAttribute))


def reason(full: str) -> str:
    """Why pynn lacks a name."""
    return next((why for pattern, why in REASONS if re.match(pattern, full)), "not written yet")


def wrapped(names: list[str]) -> str:
    """Names as one line of code spans."""
    return ", ".join(f"`{name}`" for name in names)


def section(full: str, module: Any) -> tuple[list[str], tuple[int, int, int]]:
    """A module's lines, and how many names are covered, partial and absent."""
    covered, partial, absent = [], [], {}
    for name in names_of(module, full):
        dotted = f"{full}.{name}"
        if not resolve(dotted):
            absent.setdefault(reason(dotted), []).append(name)
        elif dotted in PARTIAL:
            partial.append((name, PARTIAL[dotted]))
        else:
            covered.append(name)
    count = (len(covered), len(partial), sum(map(len, absent.values())))
    lines = [f"## {full}", "", f"{count[0]} covered, {count[1]} partial, {count[2]} absent.", "", "| | |", "|---|---|"]
    if covered:
        lines.append(f"| covered | {wrapped(covered)} |")
    lines += [f"| partial | `{name}`: {what} |" for name, what in partial]
    lines += [f"| absent ({why}) | {wrapped(names)} |" for why, names in sorted(absent.items())]
    return [*lines, ""], count


def text() -> str:
    """The whole file."""
    import torch

    warnings.simplefilter("ignore")
    body, rows, totals = [], [], [0, 0, 0]
    for full in MODULES:
        try:
            module = torch.Tensor if full == "torch.Tensor" else importlib.import_module(full)
        except ImportError:  # torch's own needs a package that is not here
            continue
        lines, count = section(full, module)
        if not any(count):
            continue
        body += lines
        rows.append(f"| {full} | {count[0]} | {count[1]} | {count[2]} |")
        totals = [a + b for a, b in zip(totals, count)]
    head = [
        "# torch's names in pynn",
        "",
        "Written by `tools/make_torch_names.py` from torch 2.13's public names. *Covered*: pynn has the name, and it behaves",
        "as torch's. *Partial*: what is left out is said. *Absent*: with the reason; asking for such a name says it too.",
        "",
        "| module | covered | partial | absent |",
        "|---|---|---|---|",
        *rows,
        f"| **all** | **{totals[0]}** | **{totals[1]}** | **{totals[2]}** |",
        "",
    ]
    return "\n".join([*head, *body]).rstrip() + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    args = parser.parse_args()
    made = text()
    if args.check:
        return int(not TARGET.exists() or TARGET.read_text() != made)
    TARGET.write_text(made)
    return 0


if __name__ == "__main__":
    sys.exit(main())
