"""Handles of hooks."""

import pynn
from pynn.autograd._handles import RemovableHandle, add_hook


def test_ids_differ_and_remove_is_done_once():
    hooks = {}
    first, second = add_hook(hooks, "a"), add_hook(hooks, "b")
    assert first.id != second.id
    assert hooks == {first.id: "a", second.id: "b"}
    first.remove()
    first.remove()
    assert hooks == {second.id: "b"}


def test_the_end_of_a_block_removes():
    hooks = {}
    with add_hook(hooks, "a") as handle:
        assert hooks == {handle.id: "a"}
    assert not hooks


def test_further_tables_are_cleared_too():
    hooks, flags, others = {}, {}, {}
    for extra in ((flags, others), flags):
        handle = RemovableHandle(hooks, extra)
        hooks[handle.id] = flags[handle.id] = others[handle.id] = True
        handle.remove()
        assert not hooks
        assert not flags
    assert others  # not named the second time
    handle = RemovableHandle(hooks, extra_dict=flags)
    flags[handle.id] = True
    handle.remove()
    assert not flags


def test_the_name_that_programs_import():
    assert pynn.utils.hooks.RemovableHandle is RemovableHandle
    handle = pynn.ones(1, requires_grad=True).register_hook(lambda g: g)
    assert isinstance(handle, RemovableHandle)
