"""Grad modes: as blocks, decorators and plain calls, around generators, coroutines, threads and exceptions."""

import asyncio
import threading

import pytest

import plugrad as torch
from plugrad.testing import assert_close

pytestmark = pytest.mark.device


def leaf(*values, dtype=torch.float64):
    return torch.tensor(values if len(values) != 1 else values[0], dtype=dtype, requires_grad=True)


def recorded():
    return (leaf(1.0) * 2).requires_grad


# --- blocks ---
def test_no_grad():
    assert recorded()
    with torch.no_grad():
        assert not torch.is_grad_enabled()
        assert not recorded()
    assert torch.is_grad_enabled()


def test_enable_grad_inside_no_grad():
    with torch.no_grad():
        with torch.enable_grad():
            assert recorded()
        assert not recorded()


def test_nested_no_grad():
    with torch.no_grad():
        with torch.no_grad():
            assert not recorded()
        assert not torch.is_grad_enabled()
    assert torch.is_grad_enabled()


def test_one_object_used_again_and_inside_itself():
    mode = torch.no_grad()
    for _ in range(2):
        with mode:
            assert not recorded()
        assert recorded()


@pytest.mark.parametrize("value", [True, False])
def test_set_grad_enabled_as_a_block(value):
    with torch.set_grad_enabled(value):
        assert torch.is_grad_enabled() is value
    assert torch.is_grad_enabled()


def test_set_grad_enabled_as_a_call():
    torch.set_grad_enabled(False)
    try:
        assert not recorded()
        torch.set_grad_enabled(True)
        assert recorded()
    finally:
        torch.set_grad_enabled(True)


def test_leaves_made_in_no_grad_mode():
    with torch.no_grad():
        x = torch.ones(2, requires_grad=True)
        y = torch.ones(2).requires_grad_()
    assert x.requires_grad
    assert y.requires_grad
    (x * y).sum().backward()
    assert x.grad.tolist() == [1.0, 1.0]


def test_exception_ends_the_mode():
    with pytest.raises(LookupError), torch.no_grad():
        raise LookupError
    assert torch.is_grad_enabled()


def test_backward_inside_no_grad_mode():
    x = leaf(2.0)
    y = x * x
    with torch.no_grad():
        y.backward()
        assert not torch.is_grad_enabled()
    assert_close(x.grad, torch.tensor(4.0, dtype=torch.float64))


# --- decorators ---
@torch.no_grad()
def plain():
    """A docstring."""
    return torch.is_grad_enabled()


@torch.no_grad
def without_brackets():
    return torch.is_grad_enabled()


def test_decorator():
    assert plain() is False
    assert without_brackets() is False
    assert torch.is_grad_enabled()
    assert plain.__name__ == "plain"
    assert plain.__doc__ == "A docstring."


def test_decorated_method_and_recursion():
    class Model:
        @torch.no_grad()
        def depth(self, n):
            assert not torch.is_grad_enabled()
            return 0 if n == 0 else 1 + self.depth(n - 1)

    assert Model().depth(3) == 3
    assert torch.is_grad_enabled()


def test_decorated_function_that_raises():
    @torch.no_grad()
    def fail():
        raise LookupError

    with pytest.raises(LookupError):
        fail()
    assert torch.is_grad_enabled()


def test_enable_grad_as_decorator():
    @torch.enable_grad()
    def recording():
        return torch.is_grad_enabled()

    with torch.no_grad():
        assert recording() is True
        assert not torch.is_grad_enabled()


@pytest.mark.parametrize("value", [True, False])
def test_set_grad_enabled_as_decorator(value):
    @torch.set_grad_enabled(value)
    def mode():
        return torch.is_grad_enabled()

    assert torch.is_grad_enabled()
    assert mode() is value
    with torch.no_grad():
        assert mode() is value
    assert torch.is_grad_enabled()


# --- generators ---
def test_generator_runs_in_the_mode_and_its_user_does_not():
    @torch.no_grad()
    def steps():
        for i in range(3):
            assert not torch.is_grad_enabled()
            yield i
            assert not torch.is_grad_enabled()

    seen = []
    for i in steps():
        assert torch.is_grad_enabled()
        seen.append(i)
    assert seen == [0, 1, 2]
    assert torch.is_grad_enabled()


def test_generator_receives_values_exceptions_and_returns():
    @torch.no_grad()
    def echo():
        modes = []
        try:
            received = yield "first"
            modes.append((received, torch.is_grad_enabled()))
            yield "second"
        except LookupError:
            modes.append(("caught", torch.is_grad_enabled()))
            yield "third"
        return modes

    generator = echo()
    assert next(generator) == "first"
    assert generator.send(5) == "second"
    assert generator.throw(LookupError()) == "third"
    assert torch.is_grad_enabled()
    with pytest.raises(StopIteration) as stop:
        next(generator)
    assert stop.value.value == [(5, False), ("caught", False)]


def test_generator_closed_early():
    closed = []

    @torch.no_grad()
    def steps():
        try:
            yield 1
        finally:
            closed.append(torch.is_grad_enabled())

    generator = steps()
    next(generator)
    generator.close()
    assert closed == [False]
    assert torch.is_grad_enabled()


def test_mode_inside_a_generator_leaks_to_its_user_until_it_ends():
    def steps():
        with torch.no_grad():
            yield torch.is_grad_enabled()

    for enabled in steps():
        assert enabled is False
        assert not torch.is_grad_enabled()
    assert torch.is_grad_enabled()


# --- threads and tasks ---
def in_thread(function):
    result = []
    thread = threading.Thread(target=lambda: result.append(function()))
    thread.start()
    thread.join()
    return result[0]


def test_threads_start_with_recording():
    with torch.no_grad():
        assert in_thread(torch.is_grad_enabled) is True


def test_threads_do_not_touch_each_other():
    inside, leave = threading.Event(), threading.Event()

    def hold():
        with torch.no_grad():
            inside.set()
            leave.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    assert inside.wait(10)
    assert torch.is_grad_enabled()
    assert recorded()
    leave.set()
    thread.join()


def test_backward_in_a_thread():
    x = leaf(3.0)
    y = x * x
    in_thread(y.backward)
    assert_close(x.grad, torch.tensor(6.0, dtype=torch.float64))


def test_backward_in_many_threads_at_once():
    leaves = [leaf(float(i)) for i in range(8)]

    def train(x):
        for _ in range(50):
            (x * x).sum().backward()

    threads = [threading.Thread(target=train, args=(x,)) for x in leaves]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i, x in enumerate(leaves):
        assert_close(x.grad, torch.tensor(100.0 * i, dtype=torch.float64))


def test_mode_within_one_task():
    async def steps():
        with torch.no_grad():
            await asyncio.sleep(0)
            return torch.is_grad_enabled()

    assert asyncio.run(steps()) is False
    assert torch.is_grad_enabled()


# --- inference mode ---
def test_inference_mode():
    assert not torch.is_inference_mode_enabled()
    with torch.inference_mode():
        assert torch.is_inference_mode_enabled()
        assert not torch.is_grad_enabled()
        x = leaf(1.0)
        assert not (x * 2).requires_grad
    assert not torch.is_inference_mode_enabled()
    assert torch.is_grad_enabled()


def test_inference_mode_switched_off():
    with torch.inference_mode(False):
        assert torch.is_grad_enabled()
        assert not torch.is_inference_mode_enabled()
    with torch.inference_mode(), torch.inference_mode(False):
        assert not torch.is_inference_mode_enabled()
        assert torch.is_grad_enabled()


def test_inference_mode_as_decorator():
    @torch.inference_mode()
    def mode():
        return torch.is_inference_mode_enabled()

    @torch.inference_mode
    def bare():
        return torch.is_inference_mode_enabled()

    assert mode()
    assert bare()
    assert not torch.is_inference_mode_enabled()


# --- the defaults ---
def test_default_dtype():
    assert torch.get_default_dtype() is torch.float32
    torch.set_default_dtype(torch.float64)
    try:
        assert torch.tensor(1.5).dtype is torch.float64
        assert torch.ones(2).dtype is torch.float64
        assert (torch.tensor([1]) / 2).dtype is torch.float64
        assert torch.tensor(1).dtype is torch.int64
    finally:
        torch.set_default_dtype(torch.float32)
    assert torch.tensor(1.5).dtype is torch.float32
    with pytest.raises(TypeError, match="only floating-point types are supported as the default type"):
        torch.set_default_dtype(torch.int64)
