"""Bad input: torch's exception type, and a message with what was received, what was expected and how to mend it.

`lib` runs each line against torch too, where it is installed: for the type. The words are pynn's.
"""

import io
import re

import pytest

import pynn

# (code, exception type, what pynn's message must hold)
LAYERS = [
    ("nn.Linear(3, 2)(lib.ones(4, 5))", RuntimeError, r"4x5 and 3x2.*got input of shape \[4, 5\].*takes 3 features.*\[in Linear\]"),
    ("nn.Linear(3, 2)(lib.ones(4, 3).double())", RuntimeError, r"same dtype, but got float64 and float32.*\.to\(weight\.dtype\)"),
    ("nn.Linear(3, 2)(lib.ones(4, 3).long())", RuntimeError, r"int64"),
    ("nn.Linear(3, 2)([1.0, 2, 3])", TypeError, r"must be Tensor, not list"),
    ("nn.Linear(-3, 2)", RuntimeError, r"negative dimension -3"),
    ("nn.Linear(3.5, 2)", TypeError, r"must be integers"),
    ("F.linear(lib.ones(2, 3), lib.ones(2, 3), lib.ones(2).double())", RuntimeError, r"float32, float32 and float64.*\.to\(input\.dtype\)"),
    ("nn.Conv2d(3, 4, 3)(lib.ones(2, 1, 8, 8))", RuntimeError, r"to have 3 channels, but got 1 channels.*permute"),
    ("nn.Conv1d(3, 4, 3)(lib.ones(2, 8, 3))", RuntimeError, r"weight of size \[4, 3, 3\], expected input\[2, 8, 3\].*\.transpose\(1, 2\)"),
    ("nn.Linear(8, 2)(nn.LSTM(3, 8)(lib.ones(5, 2, 3)))", TypeError, r"must be Tensor, not tuple\. A recurrent layer gives \(output, state\)"),
    ("nn.Conv2d(3, 4, 3)(lib.ones(8, 8))", RuntimeError, r"3D \(unbatched\) or 4D \(batched\) input.*\[8, 8\]"),
    ("nn.Conv2d(3, 4, 3)(lib.ones(2, 3, 2, 2))", RuntimeError, r"\(2 x 2\). Kernel size: \(3 x 3\).*more padding"),
    ("nn.Conv2d(3, 4, 3)(lib.ones(2, 3, 8, 8).double())", RuntimeError, r"Input type \(float64\).*\(float32\) should be the same.*Cast"),
    ("nn.Conv2d(3, 4, 3, groups=2)", ValueError, r"in_channels must be divisible by groups"),
    ("nn.Conv2d(3, 4, 0)(lib.ones(2, 3, 8, 8))", RuntimeError, r"kernel size should be greater than zero.*\[4, 3, 0, 0\]"),
    ("nn.Conv2d(3, 4, 3, stride=0)(lib.ones(2, 3, 8, 8))", RuntimeError, r"non-positive stride.*\(0, 0\)"),
    ("nn.Conv2d(3, 4, 3, padding=-1)(lib.ones(2, 3, 8, 8))", RuntimeError, r"negative padding.*\(-1, -1\)"),
    ("nn.Conv2d(3, 4, 3, dilation=-1)(lib.ones(2, 3, 8, 8))", RuntimeError, r"dilation.*\(-1, -1\)"),
    ("nn.Conv2d(3, 4, 3, padding='same', stride=2)", ValueError, r"not supported for strided"),
    ("F.conv2d(lib.ones(1, 4, 5, 5), lib.ones(4, 2, 3, 3), groups=3)", RuntimeError, r"groups=3"),
    ("F.conv2d(lib.ones(1, 4, 5, 5), lib.ones(4, 4, 3, 3), lib.ones(3))", RuntimeError, r"bias to be 1-dimensional with 4 elements.*\[3\]"),
    ("F.conv2d(lib.ones(1, 4, 5, 5), lib.ones(4, 4, 3, 3), 3)", TypeError, r"'bias' \(position 3\) must be Tensor, not int"),
    ("nn.BatchNorm1d(3)(lib.ones(1, 3))", ValueError, r"Expected more than 1 value per channel when training.*\[1, 3\].*\[in BatchNorm1d\]"),
    ("nn.BatchNorm2d(3)(lib.ones(1, 3, 1, 1))", ValueError, r"Expected more than 1 value per channel"),
    ("nn.BatchNorm2d(3)(lib.ones(4, 3))", ValueError, r"expected 4D input \(got 2D input"),
    ("nn.BatchNorm2d(3)(lib.ones(2, 4, 2, 2))", RuntimeError, r"4"),
    ("nn.LayerNorm(3)(lib.ones(2, 4))", RuntimeError, r"normalized_shape=\[3\].*\[2, 4\]"),
    ("nn.LayerNorm(3)(None)", TypeError, r"layer_norm\(\): argument 'input' \(position 1\) must be Tensor, not NoneType.*pynn\.tensor"),
    ("nn.GroupNorm(2, 3)", ValueError, r"divisible by num_groups"),
    ("nn.LSTM(3, 4)(lib.ones(5, 2, 2))", RuntimeError, r"Expected 3, got 2.*\[in LSTM\]"),
    ("nn.GRU(3, 4)(lib.ones(5, 2, 3), lib.ones(2, 2, 4))", RuntimeError, r"Expected hidden size \(1, 2, 4\), got \[2, 2, 4\]"),
    ("nn.LSTM(3, 4)(lib.ones(5, 2, 3).double())", ValueError, r"float64"),
    ("nn.RNN(3, 4, nonlinearity='foo')", ValueError, r"foo"),
    ("nn.LSTM(3, 4, dropout=1.5)", ValueError, r"between 0 and 1|in range \[0, 1\]"),
    ("nn.Embedding(3, 2)(lib.tensor([0, 3]))", IndexError, r"got index 3, but its table has 3 rows, 0 to 2.*\[in Embedding\]"),
    ("nn.Embedding(3, 2)(lib.tensor([-1]))", IndexError, r"got index -1"),
    ("nn.Embedding(3, 2)(lib.tensor([1.0]))", RuntimeError, r"Long, Int; but got float32.*\.long\(\)"),
    ("nn.Embedding(3, 2)(3)", TypeError, r"'indices' \(position 2\) must be Tensor, not int"),
    ("nn.Embedding(3, 2, padding_idx=5)", AssertionError, r"got 5 for 3 embeddings"),
    ("nn.Dropout(1.5)", ValueError, r"between 0 and 1, but got 1\.5"),
    ("nn.Dropout(-0.1)", ValueError, r"but got -0\.1"),
    ("nn.Dropout()(None)", TypeError, r"dropout\(\): argument 'input' \(position 1\) must be Tensor, not NoneType"),
    ("nn.MaxPool2d(3)(lib.ones(1, 1, 2, 2))", RuntimeError, r"[Oo]utput size is too small"),
    ("nn.MaxPool2d(2, padding=2)(lib.ones(1, 1, 4, 4))", RuntimeError, r"pad should be at most half"),
    ("nn.Softmax(dim=3)(lib.ones(2, 2))", IndexError, r"range of \[-2, 1\], but got 3"),
    ("nn.Sequential(1)", TypeError, r"int is not a Module subclass"),
    ("nn.Sequential([nn.ReLU()])", TypeError, r"list is not a Module subclass: .*\*modules"),
    ("nn.Sequential(nn.ReLU)", TypeError, r"type is not a Module subclass: ReLU is a class.*ReLU\(\.\.\.\)"),
    ("nn.ModuleList([F.relu])", TypeError, r"function is not a Module subclass: .*nn\.ReLU\(\)"),
    ("nn.Module()(1)", NotImplementedError, r"forward"),
    ("nn.Linear(2, 2).load_state_dict({'weight': lib.ones(3, 2)})", RuntimeError, r"Missing key.*\"bias\".*size mismatch for weight.*\[3, 2\].*\[2, 2\]"),
    ("nn.Linear(2, 2).load_state_dict([1])", TypeError, r"dict-like"),
    ("nn.Linear(2, 2).load_state_dict('a.pt')", TypeError, r"dict-like.*pynn\.load\('a\.pt'\)"),
    ("nn.Linear(2, 2).load_state_dict(nn.Linear(2, 2))", TypeError, r"dict-like.*state_dict\(\)"),
]  # fmt: skip

LOSSES = [
    ("nn.CrossEntropyLoss()(lib.ones(2, 3), lib.tensor([0, 3]))", IndexError, r"Target 3 is out of bounds.*\[in CrossEntropyLoss\]"),
    ("nn.CrossEntropyLoss()(lib.ones(2, 3), lib.tensor([0, -1]))", IndexError, r"Target -1 is out of bounds"),
    ("nn.CrossEntropyLoss()(lib.ones(2, 3), lib.tensor([0.0, 1.0]))", RuntimeError, r"expected.*Long.*\.long\(\)|int64"),
    ("nn.CrossEntropyLoss()(lib.ones(2, 3), lib.tensor([0, 1, 2]))", ValueError, r"batch_size \(2\) to match target batch_size \(3\)"),
    ("nn.CrossEntropyLoss()(lib.ones(2, 3), lib.tensor([[0], [1]]))", RuntimeError, r"target size \[2\], got \[2, 1\]\. Use target\.squeeze\(1\)"),
    ("nn.CrossEntropyLoss()(lib.ones(2, 3), [0, 1])", TypeError, r"'target' \(position 2\) must be Tensor, not list.*pynn\.tensor"),
    ("nn.CrossEntropyLoss(weight=lib.ones(2))(lib.ones(2, 3), lib.tensor([0, 1]))", RuntimeError, r"3 classes.*\[2\]"),
    ("nn.CrossEntropyLoss(lib.ones(2, 3), lib.tensor([0, 1]))", RuntimeError, r"got a Tensor of shape \[2\].*nn\.CrossEntropyLoss\(\)\(input, target\)"),
    ("F.mse_loss(lib.ones(2), lib.ones(2), lib.ones(2))", RuntimeError, r"size_average must be a bool"),
    ("nn.CrossEntropyLoss(reduction='foo')(lib.ones(2, 3), lib.tensor([0, 1]))", ValueError, r"foo is not a valid value"),
    ("nn.CrossEntropyLoss(label_smoothing=2)(lib.ones(2, 3), lib.tensor([0, 1]))", RuntimeError, r"between 0.0 and 1.0. Got: 2"),
    ("nn.NLLLoss()(lib.ones(2, 3), lib.tensor([0, 3]))", IndexError, r"Target 3 is out of bounds"),
    ("nn.MSELoss()(lib.ones(2, 3), lib.ones(4))", RuntimeError, r"\(3\) must match the size of tensor b \(4\)"),
    ("nn.BCELoss()(lib.ones(2) * 2, lib.ones(2))", RuntimeError, r"between 0 and 1, got 2\.0 to 2\.0.*with_logits"),
    ("nn.BCELoss()(lib.ones(2), lib.ones(3))", ValueError, r"same size"),
    ("nn.BCELoss()(lib.ones(2), lib.tensor([1, 0]))", RuntimeError, r"Found dtype int64 but expected float32.*\.to\(input\.dtype\)"),
    ("nn.BCEWithLogitsLoss()(lib.ones(2), lib.ones(3))", ValueError, r"must be the same as input size"),
    ("nn.BCEWithLogitsLoss()(lib.ones(2), lib.tensor([1, 0]))", RuntimeError, r"output type int64.*\.to\(input\.dtype\)"),
    ("nn.KLDivLoss(reduction='sum')(lib.ones(2), lib.tensor([1, 0]))", RuntimeError, r"Integral inputs not supported, got a target of int64"),
    ("nn.HuberLoss(delta=-1)(lib.ones(2), lib.ones(2))", RuntimeError, r"delta"),
    ("nn.HingeEmbeddingLoss()(lib.ones(2), lib.ones(3))", RuntimeError, r"\(2\) must match the size of tensor b \(3\).*\[in HingeEmbeddingLoss\]"),
    ("nn.CosineEmbeddingLoss()(lib.ones(2, 3), lib.ones(2, 3), lib.ones(3))", RuntimeError, r"do not fit together"),
]  # fmt: skip

OPTIMIZERS = [
    ("optim.SGD([p], lr=-1)", ValueError, r"Invalid learning rate: -1"),
    ("optim.SGD([p], lr=0.1, momentum=-1)", ValueError, r"Invalid momentum value: -1"),
    ("optim.SGD([p], lr=0.1, nesterov=True)", ValueError, r"Nesterov momentum requires a momentum"),
    ("optim.SGD([], lr=0.1)", ValueError, r"empty parameter list"),
    ("optim.SGD(p, lr=0.1)", TypeError, r"should be an iterable of Tensors or dicts, but got Parameter.*list"),
    ("optim.SGD(nn.Linear(2, 2), lr=0.1)", TypeError, r"but got Linear\. Give it model\.parameters\(\)"),
    ("optim.SGD(nn.Linear(2, 2).state_dict(), lr=0.1)", TypeError, r"one of the params is str\. Give it model\.parameters\(\)"),
    ("optim.SGD([p * 2], lr=0.1)", ValueError, r"non-leaf"),
    ("optim.SGD([1], lr=0.1)", TypeError, r"int"),
    ("optim.SGD([{'params': [p]}, {'params': [p]}], lr=0.1)", ValueError, r"more than one parameter group"),
    ("optim.Adam([p], betas=(1.0, 0.9))", ValueError, r"beta parameter at index 0: 1\.0"),
    ("optim.Adam([p], eps=-1)", ValueError, r"epsilon value: -1"),
    ("optim.AdamW([p], weight_decay=-1)", ValueError, r"weight_decay value: -1"),
    ("optim.RMSprop([p], alpha=-1)", ValueError, r"alpha value: -1"),
    ("optim.SGD([p], lr=0.1).load_state_dict(optim.SGD([p, lib.ones(1)], lr=0.1).state_dict())", ValueError, r"doesn't match the size"),
    ("optim.lr_scheduler.ReduceLROnPlateau(optim.SGD([p], lr=0.1), factor=2)", ValueError, r"Factor should be < 1"),
    ("optim.lr_scheduler.StepLR(1, 1)", TypeError, r"not an Optimizer"),
]  # fmt: skip

AUTOGRAD = [
    ("(p * 2).backward()", RuntimeError, r"grad can be implicitly created only for scalar outputs.*\[3\]"),
    ("lib.ones(3).sum().backward()", RuntimeError, r"does not require grad and does not have a grad_fn"),
    ("(p * 2).backward(lib.ones(2))", RuntimeError, r"Mismatch in shape.*\[2\].*\[3\]"),
    ("y = (p ** 2).sum(); y.backward(); y.backward()", RuntimeError, r"a second time.*retain_graph=True"),
    ("z = (p * p).exp(); z.add_(1); z.sum().backward()", RuntimeError, r"modified by an inplace operation: exp saved float32\[3\].*clone\(\)"),
    ("p.add_(1)", RuntimeError, r"leaf Variable that requires grad.*no_grad"),
    ("p[:1].add_(1)", RuntimeError, r"view of a leaf Variable that requires grad.*no_grad"),
    ("p.numpy()", RuntimeError, r"requires grad.*detach\(\)\.numpy\(\)"),
    ("p.grad = lib.ones(4)", RuntimeError, r"\[4\].*\[3\]|\[3\].*\[4\]"),
    ("p.grad = 3", TypeError, r"int"),
    ("p.data = lib.ones(3).long()", RuntimeError, r"must be floating point.*got int64.*\.float\(\)"),
    ("nn.Parameter(lib.tensor([1]))", RuntimeError, r"[Oo]nly Tensors of floating point"),
    ("lib.autograd.grad(p.sum(), lib.ones(3))", RuntimeError, r"does not require grad|not .*used in the graph"),
    ("lib.ones(2, 3) @ lib.ones(3, 2).double()", RuntimeError, r"same dtype"),
    ("lib.ones(1).expand(3).add_(1)", RuntimeError, r"more than one element of the written-to tensor.*clone\(\).*\[3\]"),
    ("lib.ones(1).expand(3).mul_(lib.ones(3))", RuntimeError, r"more than one element of the written-to tensor"),
    ("lib.zeros(2**62, 2**62)", RuntimeError, r"Storage size calculation overflowed with sizes="),
]  # fmt: skip


def names_of(lib):
    return {"lib": lib, "nn": lib.nn, "F": lib.nn.functional, "optim": lib.optim, "p": lib.nn.Parameter(lib.ones(3))}


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(("code", "error", "message"), LAYERS + LOSSES + OPTIMIZERS + AUTOGRAD)
def test_bad_input(lib, code, error, message):
    with pytest.raises(error) as caught:
        exec(code, names_of(lib))
    if lib is pynn:
        assert re.search(message, str(caught.value), re.DOTALL), str(caught.value)


@pytest.mark.parametrize(("code", "error", "message"), [c for c in LAYERS if "[in" in c[2].replace("\\", "")])
def test_inside_a_model_the_module_is_named(code, error, message):
    if code.count(")(") != 1:
        pytest.skip("no module is called")
    layer, argument = code.split(")(", 1)
    names = names_of(pynn)
    names["Features"] = pynn.nn.Sequential(pynn.nn.Identity(), eval(layer + ")", names))
    model = pynn.nn.Sequential()
    model.add_module("Features", names["Features"])
    with pytest.raises(error, match=r"\[in Features\.1 \(\w+\)\]$"):
        model(eval("(" + argument, names))


def saved(value):
    file = io.BytesIO()
    pynn.save(value, file)
    return file.getvalue()


def test_samples_of_unequal_shapes(lib):
    with pytest.raises(RuntimeError, match="each tensor to be equal size") as caught:
        next(iter(lib.utils.data.DataLoader([lib.ones(2), lib.ones(3)], batch_size=2)))
    if lib is pynn:
        assert "collate_fn" in str(caught.value)


def test_a_state_of_the_wrong_kind():
    with pytest.raises(TypeError, match="GRU takes hx as one Tensor, got tuple: only LSTM has a tuple"):
        pynn.nn.GRU(3, 4)(pynn.ones(5, 2, 3), (pynn.ones(1, 2, 4), pynn.ones(1, 2, 4)))


@pytest.mark.parametrize("keep", [0, 1, 3, 50, 200, 400, -1, -22, -100])
def test_a_truncated_file(keep):
    whole = saved({"weight": pynn.ones(30)})
    with pytest.raises(Exception, match=r"\w{4}") as caught:
        pynn.load(io.BytesIO(whole[:keep]))
    assert not isinstance(caught.value, (AttributeError, KeyError, NameError, AssertionError)), repr(caught.value)


@pytest.mark.parametrize("place", range(0, 900, 13))
def test_a_file_with_a_wrong_byte(place):
    whole = bytearray(saved({"weight": pynn.ones(30), "bias": [1, 2.5, "a"]}))
    whole[place % len(whole)] ^= 0x41
    try:
        pynn.load(io.BytesIO(bytes(whole)))
    except Exception as raised:
        error = raised
    else:
        return  # a byte that the values do not depend on, or one value changed
    assert str(error)
    assert not isinstance(error, (AttributeError, NameError, AssertionError)), repr(error)


def test_a_failed_save_leaves_the_good_file(tmp_path):
    path = tmp_path / "model.pt"
    pynn.save({"a": pynn.ones(3)}, path)
    before = path.read_bytes()
    with pytest.raises(Exception, match=r"lambda|pickle"):
        pynn.save({"a": pynn.ones(3), "b": lambda: 1}, path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
