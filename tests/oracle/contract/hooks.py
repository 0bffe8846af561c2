"""Hooks on tensors: what they see, return, and break."""
# ruff: noqa: F821

# --- tensor_hook_sees_the_gradient
x = leaf(1.0, 2.0)
y = x * 2
handle = y.register_hook(lambda g: report(g))
(y * y).sum().backward()
report(x.grad, type(handle).__name__)

# --- tensor_hook_replaces_the_gradient
x = leaf(1.0, 2.0)
y = x * 2
y.register_hook(lambda g: g * 10)
(y * y).sum().backward()
report(x.grad)

# --- tensor_hooks_run_in_order
x = leaf(1.0, 2.0)
y = x * 2
y.register_hook(lambda g: g + 1)
y.register_hook(lambda g: g * 10)
y.register_hook(lambda g: report(g))
y.sum().backward()
report(x.grad)

# --- hook_on_a_leaf
x = leaf(1.0, 2.0)
x.register_hook(lambda g: report(g))
x.register_hook(lambda g: g * 2)
(x * x + x).sum().backward()
report(x.grad)

# --- hook_removed
x = leaf(1.0, 2.0)
y = x * 2
handle = y.register_hook(lambda g: g * 10)
handle.remove()
handle.remove()
with y.register_hook(lambda g: g * 3):
    torch.autograd.grad(y.sum(), x, retain_graph=True)
y.sum().backward()
report(x.grad)

# --- hook_that_removes_itself
x = leaf(1.0, 2.0)
y = x * 2


def once(g):
    report("called")
    handle.remove()


handle = y.register_hook(once)
y.sum().backward(retain_graph=True)
y.sum().backward()
report(x.grad)

# --- hook_returns_a_wrong_type
x = leaf(1.0, 2.0)
y = x * 2
y.register_hook(lambda g: 1.0)
with attempt():
    y.sum().backward()
report(x.grad)

# --- hook_returns_a_wrong_shape
x = leaf(1.0, 2.0)
y = x * 2


def widen(g):
    return torch.ones(3)


y.register_hook(widen)
with attempt():
    y.sum().backward()
report(x.grad)

# --- hook_returns_a_wrong_dtype
x = leaf(1.0, 2.0)
y = x * 2


def cast(g):
    return g.double()


y.register_hook(cast)
with attempt():
    y.sum().backward()
report(x.grad)

# --- hook_on_what_needs_no_gradient
with attempt():
    torch.ones(2).register_hook(print)
x = leaf(1.0)
with torch.no_grad():
    y = x * 2
with attempt():
    y.register_hook(print)

# --- hook_that_is_not_callable
x = leaf(1.0, 2.0)
x.register_hook(3)
with attempt():
    x.sum().backward()

# --- hook_raises
x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
y = x * 2


def fail(g):
    raise KeyError("from the hook")


handle = y.register_hook(fail)
with attempt():
    (y * w).sum().backward()
handle.remove()
report(x.grad)
(y.detach() * w).sum().backward()
x.grad = None
(x * 5).sum().backward()
report(x.grad)

# --- hook_changes_the_gradient_in_place
x = leaf(1.0, 2.0)
y = x * 2
y.register_hook(lambda g: g.mul_(3) and None if False else g.mul_(3))
(y * torch.tensor([1.0, 5.0])).sum().backward()
report(x.grad)

# --- hook_sees_grad_mode
x = leaf(1.0, 2.0)
y = x * x
y.register_hook(lambda g: report(torch.is_grad_enabled(), g.requires_grad))
torch.autograd.grad(y.sum(), x, retain_graph=True)
torch.autograd.grad((y * y).sum(), x, create_graph=True)

# --- hook_before_and_after_in_place
x = leaf(1.0, 2.0)
y = x * 2
y.register_hook(lambda g: report("before", g))
y.mul_(5)
y.register_hook(lambda g: report("after", g))
y.sum().backward()
report(x.grad)

# --- hook_on_a_view_before_a_write_to_the_base
x = leaf(1.0, 2.0)
y = x * 2
view = y[:1]
view.register_hook(lambda g: report("view", g))
y.mul_(5)
(view * 3).sum().backward()
report(x.grad)

# --- hook_on_a_base_before_a_write_to_a_view
x = leaf(1.0, 2.0)
y = x * 2
y.register_hook(lambda g: report("old", g))
y[0] = 7
y.register_hook(lambda g: report("new", g))
y.sum().backward()
report(x.grad)

# --- hook_and_retain_grad
x = leaf(1.0, 2.0)
y = x * 2
y.retain_grad()
y.register_hook(lambda g: g * 10)
y.sum().backward()
report(y.grad, x.grad)

# --- hook_on_a_root
x = leaf(1.0, 2.0)
y = (x * x).sum()
y.register_hook(lambda g: g * 100)
y.backward()
report(x.grad)

# --- hook_on_a_captured_input
x = leaf(1.0, 2.0)
y = x * 2
y.register_hook(lambda g: g * 10)
report(torch.autograd.grad((y * y).sum(), y, retain_graph=True))
report(torch.autograd.grad((y * y).sum(), x))

# --- hook_on_a_leaf_in_grad
x = leaf(1.0, 2.0)
x.register_hook(lambda g: g * 10)
report(torch.autograd.grad((x * x).sum(), x))
(x * x).sum().backward()
report(x.grad)

# --- hook_runs_once_for_several_uses
x = leaf(1.0, 2.0)
y = x * 2
calls = []
y.register_hook(lambda g: calls.append(g))
(y * y + y + y.exp()).sum().backward()
report(len(calls), calls[0])

# --- hook_added_during_backward
x = leaf(1.0, 2.0)
y = x * 2
z = y * 3
z.register_hook(lambda g: y.register_hook(lambda h: report("added", h)) and None)
z.sum().backward()
report(x.grad)

# --- hooks_and_views_of_gradients
x = leaf(1.0, 2.0)
kept = []
x.register_hook(lambda g: kept.append(g))
(x * 3).sum().backward()
kept[0].add_(100)
report(x.grad is kept[0], kept[0])
