"""Run torch's own sample inputs through pynn and compare: `python tools/parity.py [ops] [name ...]`.

torch ships the samples its test suite uses (`torch.testing._internal`): for each function the arguments of
some twenty calls, for each dtype. Every one that pynn claims to take must give torch's value, shape and dtype,
and torch's gradient. Needs `pip install torch==2.13.0 expecttest`.

    python tools/parity.py                 every function, float32: a line for each that differs, then counts
    python tools/parity.py -v linalg.qr    one function, each failing sample with its reason
    python tools/parity.py --dtypes all    bool, int64, float16, bfloat16, float32 and float64
    python tools/parity.py --variants all  function, method, in-place form, out=, and the errors of bad arguments
    python tools/parity.py --device cuda   pynn's tensors on a GPU; --stand-in: one played by tests/cupy_stand_in
    python tools/parity.py --list          the names of the functions that pynn lacks
"""

import argparse
import collections
import contextlib
import inspect
import pathlib
import sys
import traceback
import types
import warnings

import numpy

ROOT = pathlib.Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

import pynn  # noqa: E402

DTYPES = ("float32", "float64", "int64", "bool", "bfloat16", "float16", "uint8", "int32")
VARIANTS = ("function", "method", "inplace", "out", "error")
TOLERANCE = {"float64": (1e-7, 1e-7), "float32": (1.3e-5, 1e-5), "float16": (2e-3, 2e-3), "bfloat16": (1.6e-2, 1e-2)}
SKIP_PREFIXES = ("fft.", "masked.", "_refs", "ops.", "jiterator", "torch.ops", "_")
SKIP_PARTS = ("sparse", "complex", "quantized", "nested", "_scaled_", "scaled_mm", "grouped_mm")


class Missing(Exception):
    """pynn has no such name."""


class Differs(Exception):
    """pynn's answer is not torch's."""


def load_torch():
    warnings.simplefilter("ignore")
    import torch
    from torch.testing._internal.common_methods_invocations import op_db

    torch.set_num_threads(1)
    return torch, op_db


def in_scope(name):
    return not (name.startswith(SKIP_PREFIXES) or any(part in name for part in SKIP_PARTS))


def resolve(root, path):
    found = root
    for part in path.split("."):
        if not hasattr(found, part):
            raise Missing(path)
        found = getattr(found, part)
    return found


def to_array(torch, tensor):
    tensor = tensor.detach().resolve_conj().resolve_neg()
    if tensor.dtype == torch.bfloat16:
        return tensor.float().numpy()
    return tensor.numpy()


class Translator:
    """torch values as pynn values; the same tensor always as the same tensor."""

    def __init__(self, torch, device="cpu"):
        self.torch = torch
        self.device = device
        self.tensors = {}
        self.memory = {}  # (address, dtype) -> (a tensor that keeps it alive, pynn's over all of it)
        self.leaves = []

    def tensor(self, t):
        if id(t) in self.tensors:
            return self.tensors[id(t)][1]
        if t.is_complex() or t.layout != self.torch.strided or t.is_quantized or t.is_meta:
            raise NotImplementedError("complex, sparse, quantized or meta")
        out = self.view_of_memory(t)
        if isinstance(t, self.torch.nn.Parameter):
            out = pynn.nn.Parameter(out, requires_grad=t.requires_grad)
        elif t.requires_grad:
            out.requires_grad_(True)
        if t.requires_grad:
            self.leaves.append((t, out))
        self.tensors[id(t)] = (t, out)
        return out

    def view_of_memory(self, t):
        """The tensor over as much of its memory as torch's has: views of one memory stay views of one."""
        torch = self.torch
        t = t.detach().resolve_conj().resolve_neg()
        if t.numel() and not t.data_ptr():  # one of torch's tensors of zeros without memory
            t = torch.zeros(t.shape, dtype=t.dtype)
        storage = t.untyped_storage()
        key = (storage.data_ptr(), t.dtype)
        if not t.numel() or storage.nbytes() % t.element_size():
            key, whole = None, t.reshape(-1)
        elif key not in self.memory:
            whole = torch.empty(0, dtype=t.dtype).set_(storage, 0, (storage.nbytes() // t.element_size(),))
        if key is None or key not in self.memory:
            made = pynn.tensor(to_array(torch, whole)).to(self.device, getattr(pynn, str(t.dtype)[6:]))
            if key is None:
                return made.reshape(tuple(t.shape))
            self.memory[key] = (t, made)
        made = self.memory[key][1]
        if made.numel() == t.numel() and t.is_contiguous():
            made = made.reshape(tuple(t.shape))
        else:
            made = made.as_strided(tuple(t.shape), t.stride(), t.storage_offset())
        return made.detach()

    def __call__(self, value):
        torch = self.torch
        if isinstance(value, torch.Tensor):
            return self.tensor(value)
        if isinstance(value, torch.dtype):
            name = str(value)[6:]
            if not hasattr(pynn, name):
                raise NotImplementedError(f"dtype {name}")
            return getattr(pynn, name)
        if isinstance(value, torch.device):
            return pynn.device(str(value))
        if isinstance(value, torch.Size):
            return pynn.Size(value)
        if isinstance(value, torch.memory_format):
            return getattr(pynn, str(value)[6:])
        if isinstance(value, torch.layout):
            return getattr(pynn, str(value)[6:])
        if isinstance(value, torch.Generator):
            return pynn.Generator()
        if isinstance(value, tuple) and hasattr(value, "_fields"):
            return tuple(self(v) for v in value)
        if isinstance(value, (list, tuple)):
            return type(value)(self(v) for v in value)
        if isinstance(value, dict):
            return {k: self(v) for k, v in value.items()}
        if isinstance(value, torch.nn.Module):
            return self.module(value)
        if inspect.isroutine(value) and getattr(torch.nn.functional, value.__name__, None) is value:
            return getattr(pynn.nn.functional, value.__name__, None) or getattr(pynn, value.__name__)
        return value

    def module(self, module):
        """A module without tensors that was made with plain arguments, which are its attributes."""
        ours = getattr(pynn.nn, type(module).__name__)
        if isinstance(module, self.torch.nn.TransformerEncoderLayer):
            layer, attention = module, module.self_attn
            return ours(attention.embed_dim, attention.num_heads, layer.linear1.out_features, layer.dropout.p,
                        self(layer.activation), layer.norm1.eps, attention.batch_first, layer.norm_first,
                        layer.linear1.bias is not None)  # fmt: skip
        names = inspect.signature(ours).parameters
        return ours(**{n: getattr(module, n) for n in names if hasattr(module, n)})


def flatten(value, tensor):
    """The tensors and numbers of a result, in order."""
    if isinstance(value, tensor):
        return [value]
    if isinstance(value, (list, tuple)):
        return [x for v in value for x in flatten(v, tensor)]
    if isinstance(value, dict):
        return [x for v in value.values() for x in flatten(v, tensor)]
    return [value]


def check_close(torch, what, ours, theirs, tolerance=1.0, random=False, device="cpu"):
    if not isinstance(theirs, torch.Tensor):
        if isinstance(ours, pynn.Tensor):
            raise Differs(f"{what}: a tensor where torch has {type(theirs).__name__} {theirs!r}")
        if isinstance(theirs, (bool, int, float, str)):
            same = ours == theirs or (
                isinstance(theirs, float) and numpy.allclose(ours, theirs, equal_nan=True, rtol=1e-5)
            )
            if not same:
                raise Differs(f"{what}: {ours!r}, torch {theirs!r}")
        return
    if theirs.is_complex():
        raise NotImplementedError("complex result")
    if not isinstance(ours, pynn.Tensor):
        raise Differs(f"{what}: {type(ours).__name__} where torch has a tensor")
    if tuple(ours.shape) != tuple(theirs.shape):
        raise Differs(f"{what}: shape {tuple(ours.shape)}, torch {tuple(theirs.shape)}")
    if str(ours.dtype).split(".")[-1] != str(theirs.dtype).split(".")[-1]:
        raise Differs(f"{what}: dtype {ours.dtype}, torch {theirs.dtype}")
    if ours.device.type != device:
        raise Differs(f"{what}: lies on {ours.device}")
    if random:
        return
    a = ours.detach().cpu()
    a = (a.float() if a.dtype == pynn.bfloat16 else a).numpy()
    b = to_array(torch, theirs)
    rtol, atol = TOLERANCE.get(str(theirs.dtype)[6:], (0, 0))
    if not numpy.allclose(a, b, rtol=rtol * tolerance, atol=atol * tolerance, equal_nan=True):
        with numpy.errstate(all="ignore"):
            worst = numpy.nanmax(numpy.abs(a.astype(float) - b.astype(float))) if a.size else 0
        raise Differs(f"{what}: values differ by up to {worst:.3g}")


def gradients(torch, ours, theirs, translator, tolerance):
    """Backward from the sum of all float outputs, each times a fixed weight."""
    pairs = [
        (a, b)
        for a, b in zip(flatten(ours, pynn.Tensor), flatten(theirs, torch.Tensor))
        if isinstance(b, torch.Tensor) and b.requires_grad
    ]
    if not pairs:
        return
    for a, _ in pairs:
        if not a.requires_grad:
            raise Differs("result does not require grad, torch's does")
    weights = [torch.rand(b.shape, generator=torch.Generator().manual_seed(5)).to(b.dtype) + 0.5 for _, b in pairs]
    leaves = translator.leaves
    expected = torch.autograd.grad([b for _, b in pairs], [t for t, _ in leaves], weights, allow_unused=True)
    ours_weights = [
        pynn.tensor(to_array(torch, w)).to(translator.device, getattr(pynn, str(w.dtype)[6:])) for w in weights
    ]
    got = pynn.autograd.grad([a for a, _ in pairs], [p for _, p in leaves], ours_weights, allow_unused=True)
    for i, (e, g) in enumerate(zip(expected, got)):
        if e is None or g is None:
            if (e is not None and e.abs().sum() > 0) or (g is not None and g.abs().sum().item() > 0):
                raise Differs(
                    f"gradient {i}: {'none' if g is None else 'some'}, torch {'none' if e is None else 'some'}"
                )
            continue
        check_close(torch, f"gradient {i}", g, e, tolerance * 4, device=translator.device)


class Runner:
    def __init__(self, options):
        self.options = options
        self.torch, self.op_db = load_torch()
        self.failures = collections.OrderedDict()
        self.passed = collections.Counter()
        self.skipped = collections.Counter()
        self.missing = []

    def selected(self):
        for op in self.op_db:
            if not in_scope(op.name):
                continue
            if not self.options.names or any(
                n in (op.name, op.aten_name, *getattr(op, "aliases_names", ()))
                or (n.endswith("*") and op.name.startswith(n[:-1]))
                for n in self.options.names
            ):
                yield op

    def run(self):
        for op in self.selected():
            label = op.name + ("." + op.variant_test_name if op.variant_test_name else "")
            try:
                function = self.ours(op)
            except Missing:
                self.missing.append(label)
                continue
            if function is None:
                continue
            for alias in op.aliases:
                try:
                    resolve(pynn, alias.name.removeprefix("torch."))
                except Missing:
                    if not hasattr(pynn.Tensor, alias.name):
                        self.fail(label, "alias", alias.name, Missing(f"alias {alias.name}"))
            self.run_op(op, label, function)
        return self

    def ours(self, op):
        """pynn's function for an entry: found by name, or the entry's own Python lambda with pynn as its `torch`.

        None for entries that are no part of torch's public names.
        """
        on_tensor = None
        try:
            resolve(self.torch, op.name)
        except Missing:
            if op.method_variant is None and not hasattr(self.torch.Tensor, op.name):
                return None
            on_tensor = True
        try:
            found = resolve(pynn, op.name)
            if on_tensor or not callable(found):
                raise Missing(op.name)
        except Missing:
            if not hasattr(pynn.Tensor, op.name):
                raise
            found = getattr(pynn.Tensor, op.name)
        function = op.op
        if isinstance(function, types.FunctionType) and function.__module__.startswith("torch.testing"):
            scope = {**function.__globals__, "torch": pynn}
            return types.FunctionType(
                function.__code__, scope, function.__name__, function.__defaults__, function.__closure__
            )
        return found

    def run_op(self, op, label, function):
        torch = self.torch
        for dtype_name in self.options.dtypes:
            dtype = getattr(torch, dtype_name)
            if dtype not in op.dtypes:
                continue
            wants_grad = (
                dtype.is_floating_point
                and op.supports_autograd
                and dtype in op.supported_backward_dtypes(torch.device("cpu").type)
            )
            torch.manual_seed(0)
            try:
                samples = list(op.sample_inputs("cpu", dtype, requires_grad=wants_grad))
            except Exception:
                continue
            for number, sample in enumerate(samples[: self.options.samples]):
                for variant in self.options.variants:
                    if variant != "error":
                        self.run_sample(op, label, function, dtype_name, number, sample, variant, wants_grad)
            if "error" in self.options.variants and op.error_inputs_func is not None and dtype_name == "float32":
                self.run_errors(op, label, function)

    def call(self, op, function, variant, args, kwargs, root):
        if variant == "function":
            return function(args[0], *args[1:], **kwargs)
        if variant == "method":
            return getattr(args[0], op.name)(*args[1:], **kwargs)
        raise AssertionError(variant)

    def run_sample(self, op, label, function, dtype_name, number, sample, variant, wants_grad):
        torch = self.torch
        if variant == "method" and (op.method_variant is None or not isinstance(sample.input, torch.Tensor)):
            return
        if variant == "inplace" and op.inplace_variant is None:
            return
        if variant == "out" and not op.supports_out:
            return
        translator = Translator(torch, self.options.device)
        theirs_random = "rand" in op.name or op.name in RANDOM or bool(sample.kwargs.get("dropout_p"))
        try:
            args, kwargs = translator((sample.input, *sample.args)), translator(sample.kwargs)
        except NotImplementedError:
            self.skipped[label] += 1
            return
        try:
            if variant == "inplace":
                return self.run_inplace(op, label, dtype_name, number, sample, translator, args, kwargs, theirs_random)
            if variant == "function":
                theirs = op.op(sample.input, *sample.args, **sample.kwargs)
            else:
                fn = op.method_variant if variant == "method" else op.op
                theirs = fn(sample.input, *sample.args, **sample.kwargs)
        except Exception:
            self.skipped[label] += 1
            return
        tensors = flatten(theirs, torch.Tensor)
        if any(isinstance(t, torch.Tensor) and (t.is_complex() or t.layout != torch.strided) for t in tensors):
            self.skipped[label] += 1
            return
        if variant == "out" and not (tensors and all(isinstance(t, torch.Tensor) for t in tensors)):
            return
        try:
            if variant == "out":
                outs = [
                    pynn.empty(tuple(t.shape), dtype=getattr(pynn, str(t.dtype)[6:]), device=self.options.device)
                    for t in tensors
                ]
                with pynn.no_grad():
                    function(*args, **kwargs, out=outs[0] if isinstance(theirs, torch.Tensor) else tuple(outs))
                ours = outs
                theirs = tensors
            else:
                ours = self.call(op, function, variant, args, kwargs, pynn)
                if isinstance(theirs, torch.Tensor) != isinstance(ours, pynn.Tensor):
                    raise Differs(f"result is {type(ours).__name__}, torch {type(theirs).__name__}")
            if op.name in UP_TO_SIGNS:  # what does not depend on the signs of vectors, as the sample says
                process = sample.output_process_fn_grad
                ours, theirs = (process(tuple(x)) for x in (ours, theirs))
            a, b = flatten(ours, pynn.Tensor), flatten(theirs, torch.Tensor)
            if len(a) != len(b):
                raise Differs(f"{len(a)} results, torch {len(b)}")
            tolerance = LOOSE.get(op.name, 1.0)
            where = self.options.device if translator.tensors else "cpu"
            for i, (x, y) in enumerate(zip(a, b)):
                check_close(torch, f"result {i}" if len(b) > 1 else "result", x, y, tolerance, theirs_random, where)
            if variant == "function" and wants_grad and not theirs_random and op.name not in NO_GRADIENT:
                gradients(torch, ours, theirs, translator, tolerance)
            self.passed[label] += 1
        except NotImplementedError as error:
            if "complex" in str(error):
                self.skipped[label] += 1
            else:
                self.fail(label, f"{dtype_name}/{variant}/{number}", sample, error)
        except Exception as error:
            self.fail(label, f"{dtype_name}/{variant}/{number}", sample, error)

    def run_inplace(self, op, label, dtype_name, number, sample, translator, args, kwargs, random):
        torch = self.torch
        theirs = sample.input.detach().clone()
        try:
            theirs = op.inplace_variant(
                theirs, *[a.detach() if isinstance(a, torch.Tensor) else a for a in sample.args], **sample.kwargs
            )
        except Exception:
            self.skipped[label] += 1
            return
        name = op.name.split(".")[-1] + "_"
        try:
            with pynn.no_grad():
                ours = args[0].detach().clone()
                if hasattr(pynn.Tensor, name):
                    result = getattr(ours, name)(*args[1:], **kwargs)
                else:
                    raise Missing(f"Tensor.{name}")
            if result is not ours:
                raise Differs("in-place form does not return its tensor")
            check_close(torch, "in-place result", ours, theirs, LOOSE.get(op.name, 1.0), random, self.options.device)
            self.passed[label] += 1
        except Exception as error:
            self.fail(label, f"{dtype_name}/inplace/{number}", sample, error)

    def run_errors(self, op, label, function):
        torch = self.torch
        try:
            errors = list(op.error_inputs(torch.device("cpu")))
        except Exception:
            return
        for number, case in enumerate(errors):
            sample = case.sample_input
            translator = Translator(torch, self.options.device)
            try:
                args, kwargs = translator((sample.input, *sample.args)), translator(sample.kwargs)
            except (NotImplementedError, AttributeError, ValueError, TypeError):
                continue
            try:
                op.op(sample.input, *sample.args, **sample.kwargs)
            except Exception as error:
                expected = type(error)
            else:
                continue
            try:
                function(*args, **kwargs)
            except Exception as error:
                if not isinstance(error, expected) and not issubclass(expected, type(error)):
                    self.fail(
                        label,
                        f"error/{number}",
                        sample,
                        Differs(
                            f"raises {type(error).__name__} ({error}), torch {expected.__name__} ({case.error_regex})"
                        ),
                    )
                else:
                    self.passed[label] += 1
            else:
                self.fail(
                    label,
                    f"error/{number}",
                    sample,
                    Differs(f"accepts what torch refuses: {expected.__name__} {case.error_regex}"),
                )

    def fail(self, label, where, sample, error):
        self.failures.setdefault(label, []).append((where, sample, error))


RANDOM = {"bernoulli", "multinomial", "normal", "poisson", "binomial", "empty", "empty_like", "new_empty", "empty_strided",
          "new_empty_strided", "empty_permuted", "cauchy", "exponential", "geometric", "log_normal", "uniform",
          "nn.functional.dropout", "nn.functional.dropout2d", "nn.functional.dropout3d", "nn.functional.alpha_dropout",
          "nn.functional.feature_alpha_dropout", "nn.functional.rrelu", "nn.functional.fractional_max_pool2d", "nn.functional.fractional_max_pool3d",
          "svd_lowrank", "pca_lowrank", "nn.functional.gumbel_softmax", "nn.functional.multi_head_attention_forward"}  # fmt: skip
NO_GRADIENT = {"as_strided_scatter", "svd_lowrank", "pca_lowrank"}
UP_TO_SIGNS = {"linalg.eigh", "linalg.svd", "svd", "svd_lowrank", "pca_lowrank"}
# In float64 all agree at the tolerance above; float32 sums of these come in another order, or pass through larger numbers.
LOOSE = dict.fromkeys(
    ("cdist", "grid_sampler_2d", "native_layer_norm", "nn.functional.conv_transpose3d", "nn.functional.ctc_loss",
     "nn.functional.layer_norm", "nn.functional.scaled_dot_product_attention"), 4.0
)  # fmt: skip


def describe(torch, value, depth=0):
    if isinstance(value, torch.Tensor):
        return f"T{str(value.dtype)[6:]}{list(value.shape)}"
    if isinstance(value, (list, tuple)):
        return "(" + ", ".join(describe(torch, v) for v in value) + ")"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k}={describe(torch, v)}" for k, v in value.items()) + "}"
    return repr(value)[:60]


def gpu(played):
    """A block with a GPU: the machine's own, or one played by the stand-in for CuPy."""
    if not played:
        return contextlib.nullcontext()
    from tests import cupy_stand_in

    return cupy_stand_in.installed()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="names as in torch, a trailing * for all that begin so")
    parser.add_argument("--dtypes", default="float32")
    parser.add_argument("--variants", default="function")
    parser.add_argument("--samples", type=int, default=40)
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--stand-in", action="store_true")
    parser.add_argument("-v", action="store_true")
    parser.add_argument("--traceback", action="store_true")
    parser.add_argument("--list", action="store_true")
    options = parser.parse_args()
    options.dtypes = DTYPES if options.dtypes == "all" else options.dtypes.split(",")
    options.variants = VARIANTS if options.variants == "all" else options.variants.split(",")
    with gpu(options.stand_in):
        runner = Runner(options).run()
    if options.list:
        print("\n".join(runner.missing))
        return
    for label, failures in runner.failures.items():
        shown = failures if options.v else failures[:1]
        for where, sample, error in shown:
            text = str(error).replace("\n", " ")[:220]
            print(
                f"{label} [{len(failures)} of {len(failures) + runner.passed[label]}] {where}: {type(error).__name__}: {text}"
            )
            if options.v and hasattr(sample, "args"):
                print(
                    "     ", describe(runner.torch, (sample.input, *sample.args)), describe(runner.torch, sample.kwargs)
                )
            if options.traceback and isinstance(error, BaseException):
                traceback.print_exception(error)
    print(f"missing {len(runner.missing)}: {' '.join(runner.missing)}")
    failed = sum(len(f) for f in runner.failures.values())
    print(
        f"functions: {len(set(runner.passed) - set(runner.failures))} right, {len(runner.failures)} differ, {len(runner.missing)} missing; samples: {sum(runner.passed.values())} right, {failed} differ"
    )


if __name__ == "__main__":
    main()
