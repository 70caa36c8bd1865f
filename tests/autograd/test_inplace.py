"""In-place writes: what they may write, what backward notices of them, and the histories of views. As in torch."""

import numpy
import pytest

import pynn

MODIFIED = "one of the variables needed for gradient computation has been modified by an inplace operation"


def leaf(lib, *values):
    return lib.tensor([float(v) for v in values], requires_grad=True)


def numbers(t):
    return t.detach().tolist()


def version(t):
    """How often the memory was written since somebody counts: torch gives a number, pynn the counter."""
    held = t._version
    return held if isinstance(held, int) else 0 if held is None else held.value


# ---- leaves ----


@pytest.mark.parametrize(
    "write",
    [
        lambda x: x.add_(1),
        lambda x: x.zero_(),
        lambda x: x.copy_(x.detach() * 2),
        lambda x: x.__iadd__(1),
        lambda x: x.__setitem__(slice(None), 1.0),
        lambda x: x[0].add_(1),
        lambda x: x.clamp_(0, 1),
        lambda x: x.uniform_(),
    ],
)
def test_leaves_that_require_grad_are_not_written(lib, write):
    x = leaf(lib, 1, 2)
    with pytest.raises(RuntimeError, match="leaf Variable that requires grad is being used in an in-place operation"):
        write(x)
    assert numbers(x) == [1.0, 2.0]


def test_leaves_are_written_under_no_grad_and_by_data(lib):
    x = leaf(lib, 1, 2)
    with lib.no_grad():
        x.add_(1)
        x[0] = 7
    x.data.mul_(2)
    assert numbers(x) == [14.0, 6.0]
    assert x.is_leaf
    assert x.requires_grad


# ---- versions ----


def check_version(lib, make, write, noticed):
    """Whether a write between forward and backward of make(h) is noticed."""
    x = leaf(lib, 0.5, 2)
    h = x * 1
    y = make(h)
    write(lib, h, y)
    if noticed:
        with pytest.raises(RuntimeError, match=MODIFIED):
            y.sum().backward()
    else:
        y.sum().backward()
        assert x.grad is not None


WRITES = {
    "add_": lambda lib, h, y: h.add_(1),
    "operator": lambda lib, h, y: h.__imul__(2),
    "zero_": lambda lib, h, y: h.zero_(),
    "copy_": lambda lib, h, y: h.copy_(lib.zeros(2)),
    "setitem": lambda lib, h, y: h.__setitem__(0, 5.0),
    "setitem by a mask": lambda lib, h, y: h.__setitem__(lib.tensor([True, False]), 5.0),
    "view": lambda lib, h, y: h.view(2, 1).mul_(2),
    "slice": lambda lib, h, y: h[1:].mul_(2),
    "detach": lambda lib, h, y: h.detach().add_(1),
    "no_grad": lambda lib, h, y: lib.no_grad()(lambda: h.add_(1))(),
    "clamp_": lambda lib, h, y: h.clamp_(0, 1),
    "fill_": lambda lib, h, y: h.fill_(1),
    "random": lambda lib, h, y: h.detach().normal_(),
}


@pytest.mark.parametrize("how", WRITES)
def test_writes_to_what_backward_reads_are_noticed(lib, how):
    check_version(lib, lambda h: h * h, WRITES[how], noticed=True)


@pytest.mark.parametrize("how", WRITES)
def test_writes_to_what_backward_does_not_read_are_fine(lib, how):
    check_version(lib, lambda h: h + 1, WRITES[how], noticed=False)
    check_version(lib, lambda h: h.exp(), WRITES[how], noticed=False)
    check_version(lib, lambda h: h * 3, WRITES[how], noticed=False)


def test_data_writes_are_not_noticed(lib):
    check_version(lib, lambda h: h * h, lambda lib, h, y: h.data.add_(1), noticed=False)
    check_version(lib, lambda h: h * h, lambda lib, h, y: setattr(h, "data", lib.zeros(2)), noticed=False)


def test_out_of_place_is_not_noticed(lib):
    check_version(lib, lambda h: h * h, lambda lib, h, y: h + 1, noticed=False)


def test_the_output_is_watched_where_it_is_saved(lib):
    check_version(lib, lambda h: h.exp(), lambda lib, h, y: y.add_(1), noticed=True)
    check_version(lib, lambda h: h.sigmoid(), lambda lib, h, y: y[0].add_(1), noticed=True)
    check_version(lib, lambda h: h.sin(), lambda lib, h, y: y.add_(1), noticed=False)


def test_optimizer_writes_are_noticed(lib):
    w = leaf(lib, 1, 2)
    optimizer = lib.optim.SGD([w], lr=0.1)
    y = (w * w).sum()
    y.backward(retain_graph=True)
    optimizer.step()
    with pytest.raises(RuntimeError, match=MODIFIED):
        y.backward()


def test_only_what_the_gradients_need_is_watched(lib):
    """x * w saves w for x's gradient only: a write to x is fine where w needs no gradient."""
    w = leaf(lib, 2, 3)
    x = lib.ones(2)
    y = (x * w).sum()
    x.add_(1)
    with pytest.raises(RuntimeError, match=MODIFIED):
        y.backward()
    frozen = lib.full((2,), 2.0)
    h = w * 1
    y = (h * frozen).sum()
    h.add_(1)
    y.backward()
    assert numbers(w.grad) == [2.0, 2.0]


def test_linear_then_relu_in_place(lib):
    x, w, b = (lib.tensor(v, requires_grad=True) for v in ([[1.0, -2.0]], [[1.0, 1.0], [2.0, 0.5]], [0.0, 0.5]))
    h = lib.nn.functional.linear(x, w, b)
    lib.relu_(h)
    h.sum().backward()
    assert numbers(x.grad) == [[2.0, 0.5]]
    assert numbers(w.grad) == [[0.0, 0.0], [1.0, -2.0]]


def test_an_in_place_op_on_itself_is_noticed(lib):
    h = leaf(lib, 2, 3) * 1
    h.mul_(h)
    with pytest.raises(RuntimeError, match=MODIFIED):
        h.sum().backward()


def test_version_counters(lib):
    x = lib.zeros(3)
    view = x[1:]
    assert version(x) == version(view) == 0
    view.add_(1)
    x.mul_(2)
    assert version(x) == version(view) == 2
    assert version(x.detach()) == 2
    assert version(x.data) == 0
    assert version(x + 1) == 0


# ---- histories ----


def test_in_place_chain(lib):
    x = leaf(lib, 1, 2)
    h = x * 2
    h.add_(1).mul_(3)
    h.exp_()
    assert h.grad_fn.name() == "ExpBackward0"
    h.log().sum().backward()
    assert numbers(x.grad) == pytest.approx([6.0, 6.0])


def test_in_place_with_a_tracked_operand_makes_an_untracked_tensor_tracked(lib):
    x = leaf(lib, 1, 2)
    total = lib.zeros(2)
    total += x
    total += x * x
    assert total.requires_grad
    total.sum().backward()
    assert numbers(x.grad) == [3.0, 5.0]


def test_write_to_a_view_shows_in_the_base(lib):
    x = leaf(lib, 1, 2, 3)
    base = x * 1
    view = base[:2]
    view.mul_(10)
    assert numbers(base) == [10.0, 20.0, 3.0]
    (base * lib.tensor([1.0, 2.0, 3.0])).sum().backward()
    assert numbers(x.grad) == [10.0, 20.0, 3.0]


def test_write_to_the_base_shows_in_the_view(lib):
    x = leaf(lib, 1, 2, 3)
    base = x * 1
    view = base[:2]
    base.mul_(10)
    assert numbers(view) == [10.0, 20.0]
    view.sum().backward()
    assert numbers(x.grad) == [10.0, 10.0, 0.0]


def test_write_to_a_sibling(lib):
    x = leaf(lib, 1, 2, 3)
    base = x * 1
    a, b = base[:2], base[1:]
    a.mul_(10)
    b.add_(1)
    assert numbers(a) == [10.0, 21.0]
    (a.sum() + b.sum() * 2).backward()
    assert numbers(x.grad) == [10.0, 30.0, 2.0]


def test_view_of_a_view(lib):
    x = lib.arange(6.0).requires_grad_()
    base = x * 1
    middle = base.view(2, 3)
    inner = middle.t()[1]
    inner.mul_(5)
    middle[0].add_(1)
    (base * base).sum().backward()
    values = [1.0, 6.0, 3.0, 3.0, 20.0, 5.0]
    assert numbers(base) == values
    assert numbers(x.grad) == [2 * v * (5 if i in (1, 4) else 1) for i, v in enumerate(values)]


def test_view_of_untracked_becomes_tracked(lib):
    x = leaf(lib, 5)
    base = lib.zeros(3)
    part = base[1:]
    part[0] = x[0] * 2
    assert base.requires_grad
    assert part.requires_grad
    base.sum().backward()
    assert numbers(x.grad) == [2.0]


def test_old_history_stays_with_old_results(lib):
    x = leaf(lib, 1, 2)
    h = x * 2
    before = h + 1
    h.mul_(100)
    before.sum().backward()
    assert numbers(x.grad) == [2.0, 2.0]


def test_rows_filled_one_by_one(lib):
    x = leaf(lib, 1, 2, 3)
    out = lib.zeros(3, 2)
    for i in range(3):
        out[i] = lib.stack([x[i], x[i] ** 2])
    (out * out).sum().backward()
    assert numbers(x.grad) == [2 * v + 4 * v**3 for v in (1, 2, 3)]


def test_setitem_of_a_tracked_value_and_target(lib):
    x, v = leaf(lib, 1, 2, 3), leaf(lib, 10)
    h = x * 3
    h[1] = v[0] * 2
    h[lib.tensor([0])] = v * 5
    (h * lib.tensor([1.0, 10.0, 100.0])).sum().backward()
    assert numbers(x.grad) == [0.0, 0.0, 300.0]
    assert numbers(v.grad) == [25.0]


def test_a_view_taken_again_after_a_write_under_no_grad(lib):
    x = leaf(lib, 1, 2)
    base = x * 2
    view = base[:1]
    with lib.no_grad():
        base.add_(1)
        assert view.requires_grad
    view.sum().backward()
    assert numbers(x.grad) == [2.0, 0.0]


def test_expanded_gradient_is_not_shared(lib):
    x = lib.zeros(3, requires_grad=True)
    x.sum().backward()
    x.grad.add_(lib.tensor([1.0, 2.0, 3.0]))
    assert numbers(x.grad) == [2.0, 3.0, 4.0]


def test_copy_and_broadcast(lib):
    x, y = leaf(lib, 1, 2), leaf(lib, 7)
    h = (x * 2).view(1, 2).expand(3, 2).clone()
    h[1].copy_(y)
    h.sum().backward()
    assert numbers(x.grad) == [4.0, 4.0]
    assert numbers(y.grad) == [2.0]


def test_double_backward_through_a_view_write(lib):
    x = leaf(lib, 2, 3)
    base = x * x
    base[:1].mul_(x[1:])
    (g,) = lib.autograd.grad((base * base).sum(), x, create_graph=True)
    g.sum().backward()
    # f = (x0^2 x1)^2 + x1^4
    wanted = [12 * 4 * 9 + 8 * 8 * 3, 8 * 8 * 3 + 2 * 16 + 12 * 9]
    assert numbers(x.grad) == wanted


def test_random_programs_of_writes_equal_torch():
    """Ops, views and in-place writes drawn at random give torch's values and gradients."""
    torch = pytest.importorskip("torch")
    for seed in range(60):
        results = [program(lib, seed) for lib in (pynn, torch)]
        for a, b in zip(*results):
            numpy.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9, err_msg=f"seed {seed}")


def test_random_programs_of_writes_have_the_gradients_of_differences():
    for seed in range(40):
        gradient = program(pynn, seed, detach=False)[-1]
        for i in range(12):
            change = numpy.zeros(12)
            change[i] = 1e-5
            up, down = (program(pynn, seed, s * change.reshape(3, 4), detach=False)[-2] for s in (1, -1))
            assert gradient.flat[i] == pytest.approx((up - down) / 2e-5, rel=1e-6, abs=1e-6), f"seed {seed}"


def program(lib, seed, change=0.0, detach=True):
    """Values of all tensors of a random program, and the gradient of a weighted sum of them; `change` is added to x."""
    rng = numpy.random.default_rng(seed)
    x = lib.tensor((rng.uniform(0.5, 1.5, (3, 4)) + change).tolist(), dtype=lib.float64, requires_grad=True)
    live = [x * 1.5]
    for _ in range(rng.integers(3, 12)):
        t = live[rng.integers(len(live))]
        choice = rng.integers(9)
        other = live[rng.integers(len(live))]
        if choice == 0:
            live.append(t.reshape(-1)[1:-1] if t.is_contiguous() and t.numel() > 3 else t + 1)
        elif choice == 1:
            live.append(t[1:] if t.ndim and t.shape[0] > 1 else t * 2)
        elif choice == 2:
            live.append(t.t() if t.ndim == 2 else t.unsqueeze(0))
        elif choice == 3:
            live.append(t + other.sum() * 0.1)
        elif choice == 4:
            t.add_(float(rng.uniform()))
        elif choice == 5:
            t.add_((other.detach() if detach else other).sum() * 0.1)
        elif choice == 6:
            t.add_((other * 0.3).sum())
        elif choice == 7:
            t.mul_(0.5)
        elif t.ndim and t.shape[0]:
            t[0] = (other * 0.25).mean() + 0.1
    total = sum((t * (i + 1)).sum() for i, t in enumerate(live))
    total.backward()
    return [t.detach().numpy() for t in live] + [total.detach().numpy(), x.grad.numpy()]


@pytest.mark.parametrize(
    "index", ["lib.tensor([0, 1])", "lib.tensor([True, False, True, False])", "[0, 1]", "slice(0, 2)", "0"]
)
def test_indexed_values_are_multiplied_in_place(lib, index):
    x = lib.ones(4, requires_grad=True)
    y = x * 3
    y[eval(index)] *= 2
    (y * y).sum().backward()
    expected = lib.full((4,), 18.0)
    expected[eval(index)] = 72.0
    assert x.grad.tolist() == expected.tolist()


def test_backward_of_indexing_reads_no_values_of_what_was_indexed(lib):
    x = lib.arange(4.0, requires_grad=True)
    y = x * 1
    picked = y[lib.tensor([2, 2])]
    y.add_(1)
    (picked.sum() + y.sum()).backward()
    assert x.grad.tolist() == [1, 1, 3, 1]
    where = lib.tensor([2, 2])
    picked = (x * 1)[where]
    where.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        picked.sum().backward()
