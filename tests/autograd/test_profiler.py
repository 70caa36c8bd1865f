"""Profiles: every operation and backward step is counted, blocks have names, schedules pick steps."""

import json

import pytest

import pynn
from pynn.autograd import profiler
from pynn.profiler import ProfilerAction, ProfilerActivity, profile, record_function, schedule


def averages(events):
    return {e.key: e for e in events.key_averages()}


def test_counts_and_times():
    x = pynn.ones(4, 3, requires_grad=True)
    with profiler.profile(record_shapes=True) as prof, profiler.record_function("mine"):
        y = (x * x).exp()
        z = pynn.zeros(4, 3).add_(1)
        (y * z).sum().backward()
    found = averages(prof.function_events)
    assert found["aten::mul"].count == 2
    assert found["aten::exp"].count == 1
    assert found["aten::add_"].count == 1
    assert found["MulBackward0"].count == 2
    assert found["ExpBackward0"].count == 1
    assert found["mine"].count == 1
    assert found["mine"].cpu_time_total >= sum(e.self_cpu_time_total for k, e in found.items() if k != "mine")
    assert all(e.self_cpu_time_total >= 0 for e in found.values())
    assert x.grad.shape == (4, 3)
    shapes = {str(e.input_shapes) for e in prof.key_averages(group_by_input_shape=True) if e.key == "aten::mul"}
    assert shapes == {"[[4, 3], [4, 3]]"}
    table = prof.key_averages().table(sort_by="cpu_time_total", row_limit=3)
    assert "# of Calls" in table
    assert "mine" in table
    with pytest.raises(AttributeError, match="is no column"):
        prof.key_averages().table(sort_by="colour")
    assert pynn._core.state.profiler is None


def test_results_are_the_same():
    pynn.manual_seed(1)
    net = pynn.nn.Sequential(pynn.nn.Linear(3, 4), pynn.nn.Tanh(), pynn.nn.Linear(4, 2))
    x = pynn.randn(5, 3)
    plain = net(x).tolist()
    optimizer = pynn.optim.SGD(net.parameters(), lr=0.0)
    with profile(activities=[ProfilerActivity.CPU]) as prof:
        out = net(x)
        out.sum().backward()
        optimizer.step()
    assert out.tolist() == plain
    assert {"aten::linear", "aten::tanh"} <= set(averages(prof.events()))


def test_an_error_inside():
    with pytest.raises(RuntimeError, match="size of tensor"), profiler.profile() as prof:
        pynn.ones(2) + pynn.ones(3)
    assert averages(prof.function_events)["aten::add"].count == 1
    assert pynn._core.state.profiler is None


def test_disabled_and_nested():
    with profiler.profile(enabled=False) as prof:
        pynn.ones(2) + 1
    assert prof.function_events is None
    with profiler.profile(), pytest.raises(RuntimeError, match="already enabled"):
        profiler.profile().__enter__()


def test_names_without_a_profile():
    @record_function("f")
    def f(x):
        return x + 1

    assert f(1) == 2
    with profiler.profile() as prof:
        f(pynn.ones(1))
    assert averages(prof.function_events)["f"].count == 1


def test_schedules():
    plan = schedule(wait=1, warmup=1, active=2, repeat=1, skip_first=1)
    names = [plan(i).name for i in range(6)]
    assert names == ["NONE", "NONE", "WARMUP", "RECORD", "RECORD_AND_SAVE", "NONE"]
    seen = []
    with profile(schedule=plan, on_trace_ready=lambda p: seen.append(averages(p.events())["aten::exp"].count)) as prof:
        for _ in range(6):
            pynn.ones(1).exp()
            prof.step()
    assert seen == [2]
    assert plan(3) is ProfilerAction.RECORD
    with pytest.raises(AssertionError, match="Invalid profiler schedule"):
        schedule(wait=-1, warmup=0, active=1)


def test_chrome_trace(tmp_path):
    with profile() as prof:
        pynn.ones(2).exp()
    prof.export_chrome_trace(str(tmp_path / "trace.json"))
    events = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    assert any(e["name"] == "aten::exp" and e["ph"] == "X" and e["dur"] >= 0 for e in events)
    with profile(on_trace_ready=pynn.profiler.tensorboard_trace_handler(str(tmp_path / "logs"), "worker")):
        pynn.ones(2).exp()
    assert [f.name.split(".")[0] for f in (tmp_path / "logs").iterdir()] == ["worker"]
