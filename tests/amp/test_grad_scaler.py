"""GradScaler: scaling, skipped steps, growth and backoff, state."""

import pickle

import pytest

import pynn
from pynn.amp import GradScaler


def setup(**options):
    w = pynn.nn.Parameter(pynn.ones(3))
    return w, pynn.optim.SGD([w], lr=0.5), GradScaler("cpu", **options)


def test_a_step_is_that_of_the_unscaled_loss():
    w, optimizer, scaler = setup(init_scale=1024.0)
    loss = (w * 2).sum()
    scaled = scaler.scale(loss)
    assert scaled.item() == 6 * 1024
    scaled.backward()
    assert w.grad.tolist() == [2048.0] * 3
    scaler.step(optimizer)
    scaler.update()
    assert w.tolist() == [0.0] * 3
    assert scaler.get_scale() == 1024.0
    assert [t.item() for t in scaler.scale([loss.detach(), loss.detach()])] == [6144.0, 6144.0]


@pytest.mark.parametrize("bad", [float("inf"), float("nan")])
def test_bad_gradients_skip_the_step_and_shrink_the_scale(bad):
    w, optimizer, scaler = setup(init_scale=8.0)
    scaler.scale((w * pynn.tensor([1.0, bad, 1.0])).sum()).backward()
    assert scaler.step(optimizer) is None
    scaler.update()
    assert w.tolist() == [1.0] * 3
    assert scaler.get_scale() == 4.0


def test_the_scale_grows_after_good_steps():
    w, optimizer, scaler = setup(init_scale=2.0, growth_interval=2)
    scales = []
    for _ in range(5):
        optimizer.zero_grad()
        scaler.scale(w.sum()).backward()
        scaler.step(optimizer)
        scaler.update()
        scales.append(scaler.get_scale())
    assert scales == [2.0, 4.0, 4.0, 8.0, 8.0]


def test_unscaling_before_clipping():
    w, optimizer, scaler = setup(init_scale=64.0)
    scaler.scale((w * 3).sum()).backward()
    scaler.unscale_(optimizer)
    assert w.grad.tolist() == [3.0] * 3
    with pytest.raises(RuntimeError, match="already been called"):
        scaler.unscale_(optimizer)
    scaler.step(optimizer)
    assert w.tolist() == [-0.5] * 3
    with pytest.raises(RuntimeError, match=r"step\(\) has already been called"):
        scaler.step(optimizer)
    with pytest.raises(RuntimeError, match="after step"):
        scaler.unscale_(optimizer)
    scaler.update()


def test_wrong_uses():
    _, optimizer, scaler = setup()
    with pytest.raises(AssertionError, match="No inf checks were recorded prior to update"):
        scaler.update()
    with pytest.raises(AssertionError, match="No inf checks"):
        scaler.step(optimizer)
    with pytest.raises(RuntimeError, match="Closure"):
        scaler.step(optimizer, closure=lambda: None)
    with pytest.raises(ValueError, match="Tensor"):
        scaler.scale(3)
    with pytest.raises(ValueError, match="growth factor"):
        GradScaler("cpu", growth_factor=1.0)
    with pytest.raises(ValueError, match="backoff factor"):
        GradScaler("cpu", backoff_factor=1.5)
    half = pynn.nn.Parameter(pynn.ones(2).half())
    scaler.scale(half.sum()).backward()
    with pytest.raises(ValueError, match="unscale FP16"):
        GradScaler("cpu").unscale_(pynn.optim.SGD([half], lr=0.1))


def test_state():
    w, optimizer, scaler = setup(init_scale=2.0, growth_interval=7)
    scaler.scale(w.sum()).backward()
    scaler.step(optimizer)
    with pytest.raises(RuntimeError, match="beginning of an iteration"):
        pickle.dumps(scaler)
    scaler.update()
    state = scaler.state_dict()
    assert state == {
        "scale": 2.0,
        "growth_factor": 2.0,
        "backoff_factor": 0.5,
        "growth_interval": 7,
        "_growth_tracker": 1,
    }
    other = GradScaler("cpu")
    other.load_state_dict(state)
    assert other.state_dict() == state
    assert pickle.loads(pickle.dumps(scaler)).state_dict() == state
    with pytest.raises(RuntimeError, match="empty"):
        other.load_state_dict({})
    scaler.update(16.0)
    assert scaler.get_scale() == 16.0
    scaler.update(pynn.tensor([4.0]))
    assert scaler.get_scale() == 4.0


def test_off():
    w, optimizer, _ = setup()
    with pytest.warns(UserWarning, match="CUDA is not available"):
        scaler = GradScaler()
    assert not scaler.is_enabled()
    loss = w.sum()
    assert scaler.scale(loss) is loss
    loss.backward()
    scaler.step(optimizer)
    scaler.update()
    assert w.tolist() == [0.5] * 3
    assert scaler.state_dict() == {}
    assert scaler.get_scale() == 1.0


def test_factors_can_be_set():
    _, _, scaler = setup()
    scaler.set_growth_factor(3.0)
    scaler.set_backoff_factor(0.25)
    scaler.set_growth_interval(5)
    assert (scaler.get_growth_factor(), scaler.get_backoff_factor(), scaler.get_growth_interval()) == (3.0, 0.25, 5)


def test_in_float16_with_autocast():
    pynn.manual_seed(0)
    model = pynn.nn.Sequential(pynn.nn.Linear(4, 16), pynn.nn.Tanh(), pynn.nn.Linear(16, 1))
    optimizer = pynn.optim.Adam(model.parameters(), lr=0.05)
    scaler = GradScaler("cpu")
    x = pynn.randn(64, 4)
    y = x.sum(1, keepdim=True)
    first = None
    for _ in range(60):
        optimizer.zero_grad()
        with pynn.autocast("cpu", dtype=pynn.float16):
            loss = pynn.nn.functional.mse_loss(model(x), y)
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        first = loss.item() if first is None else first
    assert loss.item() < first / 5
