"""The plans of optimizers that move a group by one call: kept while true, and dropped by whatever makes them false."""

import copy
import pickle
from collections import defaultdict

import numpy
import pytest

import pynn
from pynn import _core
from pynn._core import state as modes
from tests.optim.problems import CASES, FLAT, backward, descend, flat, parameters
from tests.recorder import Recorder


def ones(*grads):
    """One parameter of ones for each gradient value (None for none)."""
    params = [pynn.ones(2, requires_grad=True) for _ in grads]
    for p, g in zip(params, grads):
        p.grad = None if g is None else pynn.full((2,), float(g))
    return params


def first(p):
    return p.detach().numpy()[0]


def count_layouts(optimizer, monkeypatch):
    """A list that grows with each plan made."""
    made = []
    lay_out = optimizer._lay_out
    monkeypatch.setattr(optimizer, "_lay_out", lambda group: made.append(group) or lay_out(group))
    return made


def test_plan_is_kept_over_steps_and_new_gradients(monkeypatch):
    params = parameters(pynn)
    optimizer = pynn.optim.Adam(params)
    made = count_layouts(optimizer, monkeypatch)
    for step in range(4):
        optimizer.zero_grad()
        backward(pynn, params, step)
        optimizer.step()
        optimizer.param_groups[0]["lr"] *= 0.5
    assert len(made) == 1


def test_new_number_is_read_without_a_new_plan(monkeypatch):
    (p,) = ones(1)
    optimizer = pynn.optim.SGD([p], lr=0.5)
    optimizer.step()
    made = count_layouts(optimizer, monkeypatch)
    optimizer.param_groups[0]["lr"] = 0.25
    optimizer.step()
    assert first(p) == 0.25
    assert not made


def test_learning_rate_in_a_tensor_is_read_each_step():
    (p,) = ones(1)
    rate = pynn.tensor(0.5)
    optimizer = pynn.optim.SGD([p], lr=rate)
    optimizer.step()
    rate.fill_(0.25)
    optimizer.step()
    assert first(p) == 0.25


def test_gradients_that_come_and_go():
    a, b = ones(1, None)
    optimizer = pynn.optim.SGD([a, b], lr=0.25)
    optimizer.step()
    b.grad = pynn.ones(2)
    optimizer.step()
    a.grad = None
    optimizer.step()
    assert (first(a), first(b)) == (0.5, 0.5)


def test_no_gradient_no_step():
    (p,) = ones(None)
    optimizer = pynn.optim.Adam([p])
    optimizer.step()
    assert first(p) == 1
    assert optimizer.state_dict()["state"] == {}


def test_parameter_list_changed_in_place():
    a, b = ones(1, 1)
    optimizer = pynn.optim.SGD([a], lr=0.25)
    optimizer.step()
    optimizer.param_groups[0]["params"].append(b)
    optimizer.step()
    optimizer.param_groups[0]["params"][0] = b
    optimizer.param_groups[0]["params"].pop()
    optimizer.step()
    assert (first(a), first(b)) == (0.5, 0.5)


def test_options_that_need_other_state():
    (p,) = ones(1)
    optimizer = pynn.optim.SGD([p], lr=0.25)
    optimizer.step()
    optimizer.param_groups[0]["momentum"] = 0.5
    optimizer.step()
    assert list(optimizer.state[p]) == ["momentum_buffer"]
    optimizer.step()
    assert first(p) == 1 - 0.25 - 0.25 - 0.375


CHANGES = {
    "entry": lambda state, p, new: state[p].__setitem__("momentum_buffer", new),
    "update": lambda state, p, new: state[p].update(momentum_buffer=new),
    "or": lambda state, p, new: state[p].__ior__({"momentum_buffer": new}),
    "plain dict": lambda state, p, new: state.__setitem__(p, {"momentum_buffer": new}),
    "table update": lambda state, p, new: state.update({p: {"momentum_buffer": new}}),
    "pop": lambda state, p, new: (state[p].pop("momentum_buffer"), state[p].setdefault("momentum_buffer", new)),
    "del": lambda state, p, new: (state.__delitem__(p), state[p].update(momentum_buffer=new)),
    "clear": lambda state, p, new: (state.clear(), state[p].update(momentum_buffer=new)),
    "popitem": lambda state, p, new: (state.popitem(), state[p].update(momentum_buffer=new)),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_state_replaced(change):
    (p,) = ones(1)
    optimizer = pynn.optim.SGD([p], lr=0.5, momentum=0.5)
    optimizer.step()
    new = pynn.full((2,), 4.0)
    change(optimizer.state, p, new)
    optimizer.step()
    assert optimizer.state[p]["momentum_buffer"] is new
    assert new.numpy()[0] == 3.0
    assert first(p) == 0.5 - 1.5


def test_plain_dicts_in_state_are_never_trusted():
    (p,) = ones(1)
    optimizer = pynn.optim.SGD([p], lr=0.5, momentum=0.5)
    optimizer.state[p] = own = {}
    optimizer.step()
    own["momentum_buffer"] = pynn.full((2,), 4.0)
    optimizer.step()
    assert first(p) == 0.5 - 1.5
    optimizer.state = defaultdict(dict)
    optimizer.step()
    assert first(p) == 0.5 - 1.5 - 0.5
    optimizer.state[p]["momentum_buffer"] = pynn.full((2,), 2.0)
    optimizer.step()
    assert first(p) == 0.5 - 1.5 - 0.5 - 1.0


def test_deepcopy_and_pickle_are_independent():
    params = parameters(pynn)
    optimizer = pynn.optim.Adam(params, lr=0.1, amsgrad=True)
    descend(pynn, optimizer, params, range(3))
    for clone in (copy.deepcopy(optimizer), pickle.loads(pickle.dumps(optimizer))):
        theirs = clone.param_groups[0]["params"]
        assert theirs[0] is not params[0]
        descend(pynn, clone, theirs, range(3, 6))
        assert float(clone.state[theirs[0]]["step"]) == 6
    assert float(optimizer.state[params[0]]["step"]) == 3
    descend(pynn, optimizer, params, range(3, 6))
    for a, b in zip(params, theirs):
        numpy.testing.assert_array_equal(a.detach().numpy(), b.detach().numpy())


class Notes:
    """A recorder that keeps what the door hands it."""

    def __init__(self):
        self.ops, self.lives = [], []

    def forward(self, op, arrays, attrs, out):
        self.ops.append((op.name, attrs))

    def live(self, op, live):
        self.lives.append(live)

    def __getattr__(self, name):
        return lambda *args: None


@pytest.fixture
def notes():
    recorder = Notes()
    modes.recorder = recorder
    _core.enter_mode()
    yield recorder
    modes.recorder = None
    _core.leave_mode()


def test_one_call_a_group_and_its_numbers_stay_live(notes):
    params = ones(1, 1, 1)
    optimizer = pynn.optim.SGD([{"params": params[:2]}, {"params": params[2:], "lr": 0.5}], lr=0.25, momentum=0.5)
    optimizer.step()
    assert [name for name, _ in notes.ops if name == "sgd_step"] == ["sgd_step"] * 2
    optimizer.param_groups[1]["lr"] = 0.125
    attrs = (0.125, 0.5, 0.0, 0.0, False, False, False)
    assert [live() for live in notes.lives] == [(0.25, *attrs[1:]), attrs]


def test_dampened_momentum_starts_apart(notes):
    a, b = ones(1, None)
    optimizer = pynn.optim.SGD([a, b], lr=0.25, momentum=0.5, dampening=0.5)
    optimizer.step()
    b.grad = pynn.ones(2)
    optimizer.step()
    optimizer.step()
    firsts = [attrs[-1] for name, attrs in notes.ops if name == "sgd_step"]
    assert firsts == [True, True, False, False]
    assert not any(live()[-1] for live in notes.lives)
    assert first(b) == 1 - 0.25 - 0.25


@pytest.mark.parametrize(("name", "i"), [case for case in FLAT if case[0] != "Adafactor"])  # it reads values mid-step
def test_a_recorded_step_replays_with_the_numbers_of_the_day(name, i):
    """Recording the second step and replaying it as the third, with another rate, equals three eager steps."""

    def train(replayed):
        params = parameters(pynn)
        optimizer = getattr(pynn.optim, name)(params, **CASES[name][i])
        backward(pynn, params, 0)
        optimizer.step()
        with Recorder() as recorder:
            optimizer.step()
        optimizer.param_groups[0]["lr"] *= 0.5
        if replayed:
            recorder.replay()
        else:
            optimizer.step()
        return flat(params, optimizer), [p._writes.value for p in params]

    (eager, versions), (replay, others) = train(False), train(True)
    assert versions == others
    for (key, a), (_, b) in zip(eager, replay, strict=True):
        numpy.testing.assert_array_equal(a, b, err_msg=key)


def _set_data(lib, opt, params):
    params[0].data = params[0].data * 2


def _load(lib, opt, params):
    opt.load_state_dict(copy.deepcopy(opt.state_dict()))


def _load_older(lib, opt, params):
    saved = copy.deepcopy(opt.state_dict())
    for state in saved["state"].values():
        for value in state.values():
            if value is not None:
                value.mul_(0.5)
    saved["param_groups"][0]["lr"] = 0.03
    opt.load_state_dict(saved)


def _state_data(lib, opt, params):
    for value in opt.state[params[0]].values():
        if value is not None and value.ndim:
            value.data = value.data * 0.5


EVENTS = {
    "data": _set_data,
    "data in place": lambda lib, opt, params: params[0].data.mul_(2),
    "grad replaced": lambda lib, opt, params: setattr(params[1], "grad", lib.full(params[1].shape, 0.25)),
    "grad gone": lambda lib, opt, params: setattr(params[1], "grad", None),
    "grads gone": lambda lib, opt, params: opt.zero_grad(),
    "load": _load,
    "load older": _load_older,
    "new group": lambda lib, opt, params: opt.add_param_group({"params": [params[2]], "lr": 0.2}),
    "requires_grad": lambda lib, opt, params: params[1].requires_grad_(False),
    "groups replaced": lambda lib, opt, params: setattr(
        opt, "param_groups", [dict(g, params=g["params"][::-1]) for g in opt.param_groups]
    ),
    "params replaced": lambda lib, opt, params: opt.param_groups[0].__setitem__("params", params[:1]),
    "lr": lambda lib, opt, params: opt.param_groups[0].__setitem__("lr", 0.01),
    "state data": _state_data,
    "state cleared": lambda lib, opt, params: opt.state.clear(),
    "state of one gone": lambda lib, opt, params: opt.state.pop(params[0], None),
}
MAKERS = {
    "SGD": lambda lib, ps: lib.optim.SGD(ps, lr=0.1),
    "momentum": lambda lib, ps: lib.optim.SGD(ps, lr=0.1, momentum=0.9),
    "Adam": lambda lib, ps: lib.optim.Adam(ps, lr=0.1),
    "RMSprop": lambda lib, ps: lib.optim.RMSprop(ps, lr=0.1, momentum=0.5),
}


def _run_events(lib, make, events, forget=False):
    params = [lib.nn.Parameter(lib.full((2 + i,), 1.0 + i)) for i in range(3)]
    opt = make(lib, params[:2])
    for event in (None, None, *events, None):
        for i, p in enumerate(params):
            if p.requires_grad:
                p.grad = lib.full(p.shape, 0.5 * (i + 1))
        if event is not None:
            event(lib, opt, params)
        if forget:
            opt._plans.clear()
        opt.step()
        if forget:
            opt._plans.clear()
        opt.step()
    return [p.detach().numpy().copy() for p in params]


@pytest.mark.parametrize("event", EVENTS.values(), ids=EVENTS)
@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_a_kept_plan_steps_as_a_new_one(make, event):
    kept = _run_events(pynn, make, [event])
    for a, b in zip(kept, _run_events(pynn, make, [event], forget=True)):
        numpy.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("event", EVENTS.values(), ids=EVENTS)
@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_changes_between_steps_as_in_torch(make, event):
    torch = pytest.importorskip("torch")
    for a, b in zip(_run_events(pynn, make, [event]), _run_events(torch, make, [event])):
        numpy.testing.assert_allclose(a, b, rtol=2e-5)


def test_changes_in_any_order():
    rng = numpy.random.default_rng(0)
    for make in MAKERS.values():
        for _ in range(8):
            # not the last two: state_dict() needs every state's parameter in a group
            names = [n for n in rng.permutation(list(EVENTS)) if n not in ("groups replaced", "params replaced")]
            events = [EVENTS[n] for n in names]
            for a, b in zip(_run_events(pynn, make, events), _run_events(pynn, make, events, forget=True)):
                numpy.testing.assert_array_equal(a, b)
