"""torch.ops' names for pynn's functions."""

import copy
import pickle

import pytest

import pynn
from pynn import library

aten = pynn.ops.aten
X = pynn.arange(12.0).reshape(3, 4)
CLASSES = pynn.tensor([0, 1, 2])
IMAGE = X[None, None]

# (a call in torch.ops' terms, the public call it is), torch's values where the arguments have another order there.
CALLS = [
    (lambda: aten.add.Tensor(X, X, alpha=2), lambda: X * 3),
    (lambda: aten.mm.default(X, X.t()), lambda: X @ X.t()),
    (lambda: aten.add_.Tensor(X.clone(), 1), lambda: X + 1),
    (lambda: aten.view.default(X, [4, 3]), lambda: X.view(4, 3)),
    (lambda: aten.mean.dim(X, [1], True), lambda: X.mean(1, True)),
    (lambda: aten.linalg_vector_norm.default(X), lambda: pynn.linalg.vector_norm(X)),
    (lambda: aten.special_entr(X), lambda: pynn.special.entr(X)),
    (lambda: aten.embedding.default(X, CLASSES[1:]), lambda: X[1:]),
    (lambda: aten._softmax.default(X, -1, False), lambda: X.softmax(-1)),
    (lambda: aten._to_copy.default(X, dtype=pynn.float64), lambda: X.double()),
    (lambda: aten.slice.Tensor(X, 1, 1, 3), lambda: X[:, 1:3]),
    (lambda: aten.index.Tensor(X, [None, CLASSES]), lambda: X[:, :3]),
    (lambda: aten.elu.default(-X, 1.5, 2.0), lambda: pynn.nn.functional.elu(-X, 1.5) * 2),
    (lambda: aten.copy.default(X, X + 1), lambda: X + 1),
    (lambda: aten.mse_loss.default(X, X * 2, 2), lambda: (X * X).sum()),
    (lambda: aten.mse_loss(X, X * 2), lambda: (X * X).mean()),
    (
        lambda: aten.cross_entropy_loss(X, CLASSES, None, 0),
        lambda: pynn.nn.functional.cross_entropy(X, CLASSES, reduction="none"),
    ),
    (lambda: aten.nll_loss_nd(X, CLASSES, None, 2, 1), lambda: -(X[0, 0] + X[2, 2])),
    (lambda: aten.upsample_nearest2d.default(IMAGE, [6, 4]), lambda: IMAGE.repeat_interleave(2, 2)),
    (
        lambda: aten.upsample_bilinear2d.vec(IMAGE, None, False, [2.0, 2.0]),
        lambda: pynn.nn.functional.interpolate(IMAGE, scale_factor=2.0, mode="bilinear"),
    ),
    (
        lambda: aten.reflection_pad1d.default(X, [1, 0]),
        lambda: pynn.cat([X[:, 1:2], X], 1),
    ),
    (lambda: aten.max_pool2d_with_indices.default(IMAGE, [3, 4])[1], lambda: pynn.tensor([[[[11]]]])),
    (lambda: pynn.ops.torchvision.nms(pynn.tensor([[0.0, 0, 1, 1]]), pynn.ones(1), 0.5), lambda: pynn.tensor([0])),
]


@pytest.mark.parametrize("number", range(len(CALLS)))
def test_is_the_public_function(number):
    call, public = CALLS[number]
    got, wanted = call(), public()
    assert got.dtype is wanted.dtype
    pynn.testing.assert_close(got, wanted)


def test_names():
    assert aten is pynn.ops.aten
    assert str(aten.add) == "aten.add"
    assert repr(aten.add) == "<OpOverloadPacket(op='aten.add')>"
    add = aten.add.Tensor
    assert (str(add), add.__name__, add.name(), add.op) == (
        "aten.add.Tensor",
        "add.Tensor",
        "aten::add.Tensor",
        aten.add,
    )
    assert aten.mm.default.name() == "aten::mm"
    assert aten.mm.default is aten.mm.default  # keys of tables
    for made in (copy.deepcopy(add), pickle.loads(pickle.dumps(add))):
        assert made is add
    assert aten.sym_size.int(X, 0) == 3


def test_what_is_not_there():
    assert not hasattr(aten, "_foobar")
    with pytest.raises(AttributeError, match="no operation aten::nothing"):
        aten.nothing  # noqa: B018
    with pytest.raises(AttributeError, match=r"'aten\.add' has no overload name 'nothing'"):
        aten.add.nothing  # noqa: B018


def test_an_operation_of_ones_own():
    library.custom_op("here::twice", lambda x: x * 2, mutates_args=())
    assert pynn.ops.here.twice.default(X).tolist() == (X * 2).tolist()
    library.custom_op("here::twice", lambda x: x * 3, mutates_args=())  # made anew
    assert pynn.ops.here.twice(X).tolist() == (X * 3).tolist()
