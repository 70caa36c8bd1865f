"""Make the golden files that tests/ops/test_golden.py compares with: what torch computes for every op's samples.

    python tools/make_golden.py [ops module ...]

Needs torch 2.13. Writes one tests/golden/ops_<module>.npz a module of pynn.ops, holding for
sample i of each op that names a torch twin: its inputs, outputs and, where it has a
gradient, the gradients of sum(output * cotangent), all in float64. Running it again
changes no byte unless a record or its samples changed.
"""

import io
import json
import os
import pathlib
import sys
import warnings
import zipfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
GOLDEN = ROOT / "tests" / "golden"
sys.path.insert(0, str(ROOT))
os.environ.setdefault("PYNN_PURE", "1")

import numpy  # noqa: E402
import torch  # noqa: E402

from tests import cases  # noqa: E402


def to_torch(x, track):
    """An array as a torch tensor, strides and all; anything else as it is."""
    if not isinstance(x, numpy.ndarray):
        return x
    t = torch.from_numpy(numpy.array(x, order="C"))
    return t.requires_grad_() if track and cases.is_float(x) else t


def entries(name, record):
    """(key, array) for each sample of an op: inputs, outputs, gradients."""
    for i, sample in enumerate(cases.samples(name)):
        track = cases.has_gradient(record, sample)
        inputs = [to_torch(x, track) for x in sample.inputs]
        outputs = record.torch(torch, *inputs, *sample.attrs)
        outputs = outputs if isinstance(outputs, (tuple, list)) else (outputs,)
        for j, x in enumerate(sample.inputs):
            if isinstance(x, numpy.ndarray):
                yield f"{name}/{i}/in{j}", x
        for j, out in enumerate(outputs):
            yield f"{name}/{i}/out{j}", out.detach().numpy()
        tracked = [(j, x) for j, x in enumerate(inputs) if isinstance(x, torch.Tensor) and x.requires_grad]
        reached = [o for o in outputs if o.requires_grad]
        if tracked and reached:
            total = sum((o * torch.from_numpy(cases.cotangent(tuple(o.shape)))).sum() for o in reached)
            try:
                grads = torch.autograd.grad(total, [x for _, x in tracked], allow_unused=True)
            except RuntimeError as error:
                print(f"{name}, sample {i}: torch has no gradient here ({error})")
                continue
            for (j, _), g in zip(tracked, grads):
                if g is not None:
                    yield f"{name}/{i}/grad{j}", g.numpy()


def write(path, arrays):
    """One file of all arrays: an index {key: [dtype, shape]} and their values in a row, without dates."""
    index = {"torch": torch.__version__.partition("+")[0]}
    index["arrays"] = {key: [str(a.dtype), list(a.shape)] for key, a in arrays.items()}
    text = numpy.frombuffer(json.dumps(index).encode(), numpy.uint8)
    values = numpy.concatenate([a.reshape(-1).astype(numpy.float64) for a in arrays.values()])
    with zipfile.ZipFile(path, "w") as archive:
        for key, array in (("index", text), ("values", values)):
            data = io.BytesIO()
            numpy.save(data, array)
            info = zipfile.ZipInfo(key + ".npy", date_time=(1980, 1, 1, 0, 0, 0))
            archive.writestr(info, data.getvalue(), zipfile.ZIP_DEFLATED, 9)


def main():
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    modules = {}
    for name in cases.names(lambda r: r.op.functional is None):
        record = cases.OPS[name]
        modules.setdefault(record.reference.__module__.rpartition(".")[2], []).append(name)
    without = []
    for module, ops in modules.items():
        if sys.argv[1:] and module not in sys.argv[1:]:
            continue
        arrays = {}
        for name in ops:
            record = cases.OPS[name]
            if record.torch is None:
                without.append(name)
                continue
            try:
                arrays.update(entries(name, record))
            except Exception as error:
                raise RuntimeError(f"the torch twin of {name} failed: {error}") from error
        if arrays:
            path = GOLDEN / f"ops_{module}.npz"
            write(path, arrays)
            print(f"{path.relative_to(ROOT)}: {len(arrays)} arrays, {path.stat().st_size / 1024:.0f} KiB")
    print(f"without a torch twin: {', '.join(without)}")


if __name__ == "__main__":
    main()
