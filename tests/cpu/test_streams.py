"""Streams and events of the CPU."""

import pytest

import pynn


def test_streams_have_nothing_to_wait_for():
    stream = pynn.Stream()
    assert stream.query()
    stream.synchronize()
    stream.wait_stream(pynn.cpu.current_stream())
    with pynn.cpu.stream(stream):
        pass
    with pynn.cpu.stream(None):
        pass
    with pytest.raises(RuntimeError, match="device='cpu'"):
        pynn.Stream("cuda")


def test_events_take_times():
    start, end = pynn.Event(enable_timing=True), pynn.cpu.Event()
    with pytest.raises(RuntimeError, match="must be recorded"):
        start.elapsed_time(end)
    start.record()
    pynn.Stream().record_event(end)
    assert start.elapsed_time(end) >= 0
    assert end.query()


def test_the_cpu():
    assert pynn.cpu.is_available()
    assert pynn.cpu.device_count() == 1
    assert pynn.cpu.current_device() == "cpu"
    assert "architecture" in pynn.cpu.get_capabilities()
    pynn.cpu.synchronize()
