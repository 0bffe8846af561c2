"""Hooks on tensors, leaves and nodes: what they see, what they may change, their order, their removal; retained gradients."""

import gc
import weakref

import pytest

import plugrad as torch
from plugrad.autograd import grad
from plugrad.testing import assert_close

pytestmark = pytest.mark.device


def leaf(*values, dtype=torch.float64):
    return torch.tensor(values if len(values) != 1 else values[0], dtype=dtype, requires_grad=True)


def same(tensor, values):
    assert_close(tensor, torch.tensor(values, dtype=torch.float64))


# --- on tensors ---
def test_hook_sees_the_gradient():
    seen = []
    x = leaf(1.0, 2.0)
    y = x * 3
    y.register_hook(seen.append)
    (y * y).sum().backward()
    (g,) = seen
    same(g, [6.0, 12.0])
    same(x.grad, [18.0, 36.0])


def test_hook_replaces_the_gradient():
    x = leaf(1.0, 2.0)
    y = x * 3
    y.register_hook(lambda g: g * 10)
    y.sum().backward()
    same(x.grad, [30.0, 30.0])


def test_hooks_run_in_the_order_of_registration_and_pass_on():
    order = []
    x = leaf(1.0)
    y = x * 2
    y.register_hook(lambda g: (order.append("first"), g + 1)[1])
    y.register_hook(lambda g: (order.append("second"), g * 10)[1])
    y.backward()
    assert order == ["first", "second"]
    same(x.grad, 40.0)


def test_hook_on_a_leaf():
    seen = []
    x = leaf(1.0, 2.0)
    x.register_hook(seen.append)
    x.register_hook(lambda g: g * 2)
    (x * x).sum().backward()
    same(seen[0], [2.0, 4.0])
    same(x.grad, [4.0, 8.0])


def test_hook_on_a_leaf_sees_the_whole_gradient_once():
    seen = []
    x = leaf(2.0)
    x.register_hook(seen.append)
    (x * 3 + x * 4).backward()
    assert len(seen) == 1
    same(seen[0], 7.0)


def test_hook_on_a_leaf_sees_this_pass_and_not_the_sum():
    seen = []
    x = leaf(2.0)
    x.register_hook(seen.append)
    for _ in range(2):
        (x * 3).backward()
    same(seen[1], 3.0)
    same(x.grad, 6.0)


def test_hook_on_a_tensor_used_several_times():
    seen = []
    x = leaf(2.0)
    y = x * 1
    y.register_hook(seen.append)
    (y * 3 + y * 4).backward()
    assert len(seen) == 1
    same(seen[0], 7.0)


def test_hook_on_a_root():
    x = leaf(2.0)
    y = x * 3
    y.register_hook(lambda g: g * 5)
    y.backward()
    same(x.grad, 15.0)


def test_hooks_run_in_grad_too():
    x = leaf(2.0)
    x.register_hook(lambda g: g * 2)
    y = x * x
    y.register_hook(lambda g: g * 10)
    same(grad(y, x)[0], 80.0)


def test_hook_on_an_input_of_grad_that_is_no_leaf():
    x = leaf(2.0)
    y = x * x
    y.register_hook(lambda g: g * 10)
    same(grad(y * 3, y)[0], 30.0)


def test_hook_may_be_the_method_of_an_object():
    class Scaler:
        factor = 3

        def scale(self, g):
            return g * self.factor

    x = leaf(2.0)
    x.register_hook(Scaler().scale)
    (x * 1).backward()
    same(x.grad, 3.0)


def test_hook_registered_on_two_tensors():
    seen = []
    x, y = leaf(2.0), leaf(3.0)
    for t in (x, y):
        t.register_hook(lambda g: seen.append(g.item()))
    (x * y).backward()
    assert sorted(seen) == [2.0, 3.0]


def test_removed_hook():
    x = leaf(2.0)
    y = x * 1
    handle = y.register_hook(lambda g: g * 10)
    handle.remove()
    y.backward()
    same(x.grad, 1.0)
    handle.remove()  # a second time does nothing


def test_removed_hook_of_a_leaf():
    x = leaf(2.0)
    first = x.register_hook(lambda g: g * 10)
    x.register_hook(lambda g: g + 1)
    first.remove()
    (x * 1).backward()
    same(x.grad, 2.0)


def test_handle_as_context_manager():
    x = leaf(2.0)
    with x.register_hook(lambda g: g * 10):
        (x * 1).backward()
    (x * 1).backward()
    same(x.grad, 11.0)


def test_hook_that_removes_itself():
    x = leaf(2.0)
    calls = []

    def once(g):
        calls.append(g)
        handle.remove()

    handle = x.register_hook(once)
    for _ in range(3):
        (x * 1).backward()
    assert len(calls) == 1


def test_hook_on_a_tensor_without_history():
    with pytest.raises(RuntimeError, match="cannot register a hook on a tensor that doesn't require gradient"):
        torch.ones(2).register_hook(print)


def test_hook_that_changes_the_shape():
    x = leaf(1.0, 2.0)
    x.register_hook(lambda g: g.sum())
    with pytest.raises(RuntimeError, match="has changed the size of value"):
        x.sum().backward()


def test_hook_that_returns_no_tensor():
    x = leaf(1.0, 2.0)
    x.register_hook(lambda g: 1.0)
    with pytest.raises(TypeError, match="expected Variable, but hook returned 'float'"):
        x.sum().backward()


def test_exception_in_a_hook_leaves_the_engine_usable():
    x = leaf(1.0, 2.0)
    y = x * 2

    def fail(g):
        raise LookupError("the hook's own")

    handle = y.register_hook(fail)
    with pytest.raises(LookupError, match="the hook's own"):
        y.sum().backward()
    assert x.grad is None
    assert torch.is_grad_enabled()
    handle.remove()
    y.sum().backward()
    same(x.grad, [2.0, 2.0])


def test_hooks_run_without_recording():
    modes = []
    x = leaf(2.0)
    x.register_hook(lambda g: modes.append((torch.is_grad_enabled(), g.requires_grad)))
    (x * x).backward()
    assert modes == [(False, False)]


def test_hooks_run_with_recording_under_create_graph():
    modes = []
    x = leaf(2.0)
    x.register_hook(lambda g: modes.append((torch.is_grad_enabled(), g.requires_grad)))
    grad(x**3, x, create_graph=True)
    assert modes == [(True, True)]


def test_hook_under_create_graph_is_part_of_the_graph():
    x = leaf(2.0)
    y = x * x
    y.register_hook(lambda g: g * x)
    (g,) = grad(y, x, create_graph=True)
    same(g.detach(), 8.0)  # x · 2x
    same(grad(g, x)[0], 8.0)  # 4x


def test_hook_on_an_output_that_gets_no_gradient_gets_none():
    seen = []
    x = leaf(1.0, 3.0)
    a, b = x.chunk(2)
    b.register_hook(seen.append)
    a.sum().backward()
    assert seen == [None]
    same(x.grad, [1.0, 0.0])


def test_hook_on_a_tensor_that_is_not_reached_does_not_run():
    seen = []
    x = leaf(1.0)
    y = x * 2
    y.register_hook(seen.append)
    (x * 3).backward()
    assert seen == []


def test_hook_before_an_in_place_op_belongs_to_the_value_before():
    seen = []
    x = leaf(2.0)
    y = x * 1
    y.register_hook(lambda g: seen.append(("before", g.item())))
    y.mul_(5)
    y.register_hook(lambda g: seen.append(("after", g.item())))
    y.backward()
    assert seen == [("after", 1.0), ("before", 5.0)]


def test_backward_inside_a_hook():
    inner = leaf(3.0)

    def more(g):
        with torch.enable_grad():
            (inner * inner).backward()

    x = leaf(2.0)
    x.register_hook(more)
    (x * 1).backward()
    same(inner.grad, 6.0)
    same(x.grad, 1.0)


# --- retained gradients ---
def test_retain_grad():
    x = leaf(1.0, 2.0)
    y = x * 3
    assert not y.retains_grad
    y.retain_grad()
    assert y.retains_grad
    (y * y).sum().backward()
    same(y.grad, [6.0, 12.0])


def test_retained_gradients_are_summed_by_a_second_backward():
    x = leaf(2.0)
    y = x * 3
    y.retain_grad()
    z = y * y
    z.backward(retain_graph=True)
    z.backward()
    same(y.grad, 24.0)


def test_retain_grad_twice_is_once():
    x = leaf(2.0)
    y = x * 3
    y.retain_grad()
    y.retain_grad()
    (y * 1).backward()
    same(y.grad, 1.0)


def test_retain_grad_of_a_leaf_changes_nothing():
    x = leaf(2.0)
    x.retain_grad()
    assert not x.retains_grad
    (x * 3).backward()
    same(x.grad, 3.0)


def test_retain_grad_without_history():
    with pytest.raises(RuntimeError, match="can't retain_grad on Tensor that has requires_grad=False"):
        torch.ones(2).retain_grad()


def test_retained_gradient_after_all_hooks_whenever_they_came():
    x = leaf(2.0)
    y = x * 1
    y.register_hook(lambda g: g * 2)
    y.retain_grad()
    y.register_hook(lambda g: g * 10)
    (y * 1).backward()
    same(y.grad, 20.0)


def test_retain_grad_then_in_place():
    x = leaf(2.0)
    y = x * 1
    y.retain_grad()
    y.mul_(5)
    (y * 3).backward()
    same(y.grad, 3.0)  # of the value after the in-place op
    same(x.grad, 15.0)


def test_in_place_then_retain_grad():
    x = leaf(2.0)
    y = x * 1
    y.mul_(5)
    y.retain_grad()
    (y * 3).backward()
    same(y.grad, 3.0)


def test_retain_grad_of_a_base_written_through_a_view():
    x = leaf(1.0, 2.0)
    y = x * 1
    y.retain_grad()
    y[0].mul_(5)
    (y * torch.tensor([3.0, 7.0], dtype=torch.float64)).sum().backward()
    same(y.grad, [3.0, 7.0])
    same(x.grad, [15.0, 7.0])


def test_retain_grad_of_a_view():
    x = leaf(1.0, 2.0)
    y = (x * 1)[0]
    y.retain_grad()
    (y * 3).backward()
    same(y.grad, 3.0)
    same(x.grad, [3.0, 0.0])


def test_retained_gradient_under_create_graph():
    x = leaf(2.0)
    y = x * x
    y.retain_grad()
    grad(y**3, x, create_graph=True)
    same(y.grad.detach(), 48.0)
    assert y.grad.requires_grad


def test_retained_gradient_dies_with_its_tensor():
    x = leaf(2.0)
    y = x * 3
    y.retain_grad()
    z = y * 2
    gone = weakref.ref(y)
    del y
    gc.collect()
    assert gone() is None
    z.backward()
    same(x.grad, 6.0)


# --- after accumulation ---
def test_post_accumulate_hook():
    seen = []
    x = leaf(1.0, 2.0)
    x.register_post_accumulate_grad_hook(lambda p: seen.append((p is x, p.grad.tolist())))
    x.sum().backward()
    x.sum().backward()
    assert seen == [(True, [1.0, 1.0]), (True, [2.0, 2.0])]


def test_post_accumulate_hook_may_step_and_drop_the_gradient():
    x = leaf(1.0, 2.0)

    def step(p):
        with torch.no_grad():
            p -= 0.5 * p.grad
        p.grad = None

    x.register_post_accumulate_grad_hook(step)
    (x * x).sum().backward()
    same(x.detach(), [0.0, 0.0])
    assert x.grad is None


def test_post_accumulate_hooks_come_after_tensor_hooks_in_order():
    order = []
    x = leaf(1.0)
    x.register_post_accumulate_grad_hook(lambda p: order.append("post 1"))
    x.register_hook(lambda g: order.append("tensor"))
    handle = x.register_post_accumulate_grad_hook(lambda p: order.append("post 2"))
    (x * 1).backward()
    handle.remove()
    (x * 1).backward()
    assert order == ["tensor", "post 1", "post 2", "tensor", "post 1"]


def test_post_accumulate_hook_does_not_run_in_grad():
    ran = []
    x = leaf(1.0)
    x.register_post_accumulate_grad_hook(ran.append)
    grad(x * 2, x)
    assert ran == []


def test_post_accumulate_hook_is_for_leaves():
    with pytest.raises(RuntimeError, match="post accumulate grad hooks cannot be registered on non-leaf tensors"):
        (leaf(1.0) * 2).register_post_accumulate_grad_hook(print)
    with pytest.raises(RuntimeError, match="cannot register a hook on a tensor that doesn't require gradient"):
        torch.ones(1).register_post_accumulate_grad_hook(print)


# --- on nodes ---
def test_node_hook_sees_both_sides():
    seen = []
    x, y = leaf(2.0), leaf(3.0)
    z = x * y
    z.grad_fn.register_hook(lambda inputs, outputs: seen.append((inputs, outputs)))
    (z * 10).backward()
    ((inputs, outputs),) = seen
    assert [g.item() for g in inputs] == [30.0, 20.0]
    assert [g.item() for g in outputs] == [10.0]


def test_node_hook_sees_none_where_no_gradient_flows():
    seen = []
    z = leaf(2.0) * torch.tensor(3.0, dtype=torch.float64)
    z.grad_fn.register_hook(lambda inputs, outputs: seen.append(inputs))
    z.backward()
    assert seen[0][1] is None


def test_node_hook_replaces():
    x, y = leaf(2.0), leaf(3.0)
    z = x * y
    z.grad_fn.register_hook(lambda inputs, outputs: (inputs[0] * 100, inputs[1]))
    z.backward()
    same(x.grad, 300.0)
    same(y.grad, 2.0)


def test_node_prehook():
    x, y = leaf(2.0), leaf(3.0)
    z = x * y
    z.grad_fn.register_prehook(lambda outputs: (outputs[0] * 10,))
    handle = z.grad_fn.register_prehook(lambda outputs: (outputs[0] + 1,))
    z.backward(retain_graph=True)
    same(x.grad, 33.0)
    handle.remove()
    z.backward()
    same(x.grad, 63.0)


def test_order_of_all_hooks_around_one_node():
    order = []
    x = leaf(2.0)
    y = x * 3
    y.grad_fn.register_hook(lambda *_: order.append("node hook"))
    y.grad_fn.register_prehook(lambda *_: order.append("node prehook"))
    y.register_hook(lambda g: order.append("tensor hook"))
    x.register_hook(lambda g: order.append("leaf hook"))
    y.backward()
    assert order == ["tensor hook", "node prehook", "node hook", "leaf hook"]


def test_node_hooks_run_in_grad():
    x = leaf(2.0)
    y = x * x
    y.grad_fn.register_hook(lambda inputs, outputs: tuple(g * 10 for g in inputs))
    same(grad(y, x)[0], 40.0)


def test_node_hook_is_removed():
    ran = []
    y = leaf(2.0) * 3
    handle = y.grad_fn.register_hook(lambda *_: ran.append(1))
    handle.remove()
    y.backward()
    assert ran == []


def test_hook_on_the_node_of_a_leaf():
    seen = []
    x = leaf(2.0)
    y = x * 3
    node = y.grad_fn.next_functions[0][0]
    node.register_prehook(lambda outputs: seen.append(("pre", outputs[0].item(), x.grad)))
    node.register_hook(lambda inputs, outputs: seen.append(("post", inputs, outputs[0].item(), x.grad.item())))
    y.backward()
    assert seen == [("pre", 3.0, None), ("post", (), 3.0, 3.0)]


def test_hooks_survive_a_second_backward():
    calls = []
    x = leaf(2.0)
    y = x * x
    y.register_hook(lambda g: calls.append("tensor"))
    y.grad_fn.register_hook(lambda *_: calls.append("node"))
    y.backward(retain_graph=True)
    y.backward()
    assert calls == ["tensor", "node"] * 2


# --- several gradients at once ---
def test_multi_grad_hook_waits_for_all():
    from plugrad.autograd.graph import register_multi_grad_hook

    seen = []
    x, y, unused = leaf(2.0), leaf(3.0), leaf(4.0)
    handle = register_multi_grad_hook(
        (x, y, unused), lambda gs: seen.append([g if g is None else g.item() for g in gs])
    )
    (x * y).backward()
    assert seen == [[3.0, 2.0, None]]
    handle.remove()
    (x * y).backward()
    assert len(seen) == 1


def test_multi_grad_hook_on_any():
    from plugrad.autograd.graph import register_multi_grad_hook

    seen = []
    x, y = leaf(2.0), leaf(3.0)
    register_multi_grad_hook((x, y), lambda g: seen.append(g.item()), mode="any")
    (x * y).backward()
    assert len(seen) == 1
    assert seen[0] in (2.0, 3.0)


# --- memory ---
def test_hooks_make_no_cycles():
    x = leaf(1.0, 2.0)
    gc.collect()
    for _ in range(3):
        y = x * 2
        y.register_hook(lambda g: None)
        y.grad_fn.register_hook(lambda *_: None)
        y.retain_grad()
        y.sum().backward()
    gone = weakref.ref(y)
    del y
    assert gone() is None
