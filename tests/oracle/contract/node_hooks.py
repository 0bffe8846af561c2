"""Hooks on leaves after accumulation, on nodes, on several tensors, and on what nodes save."""
# ruff: noqa: F821

# --- post_accumulate_hook
x = leaf(1.0, 2.0)
handle = x.register_post_accumulate_grad_hook(lambda p: report(p is x, p.grad))
(x * x).sum().backward()
(x * x).sum().backward()
handle.remove()
(x * x).sum().backward()
report(x.grad)

# --- post_accumulate_hook_clears_the_gradient
x = leaf(1.0, 2.0)


def step(p):
    with torch.no_grad():
        p -= 0.1 * p.grad
    p.grad = None


x.register_post_accumulate_grad_hook(step)
(x * x).sum().backward()
report(x, x.grad)

# --- post_accumulate_hook_of_non_leaves
x = leaf(1.0, 2.0)
with attempt():
    (x * 2).register_post_accumulate_grad_hook(print)
with attempt():
    torch.ones(2).register_post_accumulate_grad_hook(print)

# --- post_accumulate_hook_not_in_grad
x = leaf(1.0, 2.0)
x.register_post_accumulate_grad_hook(lambda p: report("called"))
report(torch.autograd.grad((x * x).sum(), x))

# --- post_accumulate_hook_order
x = leaf(1.0, 2.0)
x.register_post_accumulate_grad_hook(lambda p: report("second", p.grad))
x.register_hook(lambda g: report("first", g))
x.register_post_accumulate_grad_hook(lambda p: report("third"))
(x * x).sum().backward()

# --- post_accumulate_hook_return_value
x = leaf(1.0, 2.0)
for found in (5, torch.ones(2)):
    handle = x.register_post_accumulate_grad_hook(lambda p, found=found: found)
    with attempt():
        (x * x).sum().backward()
    handle.remove()
report(x.grad)

# --- node_hook
x = leaf(1.0, 2.0)
y = x * 2
y.grad_fn.register_hook(lambda given, taken: report(given, taken))
(y * y).sum().backward()
report(x.grad)

# --- node_hook_replaces_gradients
x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
y = x * w
y.grad_fn.register_hook(lambda given, taken: (given[0] * 10, given[1]))
y.sum().backward()
report(x.grad, w.grad)

# --- node_hook_returns_one_tensor
x = leaf(1.0, 2.0)
y = x.exp()
y.grad_fn.register_hook(lambda given, taken: given[0] * 10)
with attempt():
    y.sum().backward()
report(x.grad)

# --- node_hook_returns_a_wrong_count
x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
y = x * w


def hook(given, taken):
    return (given[0],)


y.grad_fn.register_hook(hook)
with attempt():
    y.sum().backward()

# --- node_hook_returns_a_wrong_type
x = leaf(1.0, 2.0)
y = x.exp()


def hook(given, taken):
    return (3,)


y.grad_fn.register_hook(hook)
with attempt():
    y.sum().backward()

# --- node_prehook
x = leaf(1.0, 2.0)
y = x.exp()
y.grad_fn.register_prehook(lambda taken: report(taken))
y.grad_fn.register_prehook(lambda taken: (taken[0] * 10,))
y.sum().backward()
report(x.grad)

# --- order_of_all_hooks
x = leaf(1.0, 2.0)
y = x.exp()
y.grad_fn.register_prehook(lambda taken: report("node before"))
y.grad_fn.register_hook(lambda given, taken: report("node after"))
y.register_hook(lambda g: report("tensor"))
y.retain_grad()
x.register_hook(lambda g: report("leaf"))
x.register_post_accumulate_grad_hook(lambda p: report("accumulated"))
y.sum().backward()

# --- accumulate_grad_hooks
x = leaf(1.0, 2.0)
y = x * 2
node = y.grad_fn.next_functions[0][0]
node.register_prehook(lambda taken: report("before", taken, x.grad))
node.register_hook(lambda given, taken: report("after", given, taken, x.grad))
y.sum().backward()

# --- hooks_of_nodes_removed
x = leaf(1.0, 2.0)
y = x.exp()
first = y.grad_fn.register_hook(lambda *parts: report("hook"))
second = y.grad_fn.register_prehook(lambda *parts: report("prehook"))
first.remove()
second.remove()
y.sum().backward()
report(x.grad)

# --- node_metadata_and_names
x = leaf(1.0, 2.0)
y = x.exp()
y.grad_fn.metadata["key"] = 3
report(y.grad_fn.metadata, y.grad_fn.name(), y.grad_fn.next_functions[0][0].name(), len(y.grad_fn.next_functions))

# --- multi_grad_hook
x, w, u = leaf(1.0, 2.0), leaf(3.0, 4.0), leaf(5.0)
handle = torch.autograd.graph.register_multi_grad_hook([x, w, u], lambda grads: report("all", grads))
(x * w).sum().backward()
handle.remove()
(x * w * u).sum().backward()

# --- multi_grad_hook_of_any
x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
torch.autograd.graph.register_multi_grad_hook([x, w], lambda g: report("any"), mode="any")
(x * w).sum().backward()
x.sum().backward()
with attempt():
    torch.autograd.graph.register_multi_grad_hook([x], print, mode="some")

# --- backward_inside_a_hook
x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
y = x * 2
inner = (w * w).sum()
y.register_hook(lambda g: inner.backward())
(y * 3).sum().backward()
report(x.grad, w.grad)

# --- recorded_work_inside_a_hook
x = leaf(1.0, 2.0)
y = x * 2


def hook(g):
    with torch.enable_grad():
        v = g.detach().requires_grad_()
        (d,) = torch.autograd.grad((v**3).sum(), v)
    return d


y.register_hook(hook)
(y * 2).sum().backward()
report(x.grad)

# --- saved_tensors_hooks
x = leaf(1.0, 2.0)
with torch.autograd.graph.saved_tensors_hooks(
    lambda t: report("pack", t) or t.numpy(force=True), lambda a: torch.tensor(a)
):
    y = x.exp()
y.sum().backward()
report(x.grad)

# --- saved_tensors_hooks_nested
x = leaf(1.0, 2.0)
with torch.autograd.graph.saved_tensors_hooks(lambda t: report("outer") or t, lambda t: t * 2):
    with torch.autograd.graph.saved_tensors_hooks(lambda t: report("inner") or t, lambda t: t * 10):
        y = x.sin()
    z = y.sum() + x.exp().sum()
z.backward()
report(x.grad)

# --- saved_tensors_hooks_unpack_wrongly
x = leaf(1.0, 2.0)
with torch.autograd.graph.saved_tensors_hooks(lambda t: t, lambda t: 3):
    y = x.exp()
with attempt():
    y.sum().backward()

# --- saved_tensors_hooks_that_raise
x = leaf(1.0, 2.0)


def refuse(t):
    raise ValueError("no")


with attempt():
    with torch.autograd.graph.saved_tensors_hooks(refuse, refuse):
        x.exp()
y = x.exp().sum()
y.backward()
report(x.grad)

# --- saved_tensors_hooks_disabled
x = leaf(1.0, 2.0)
with torch.autograd.graph.disable_saved_tensors_hooks("not here"):
    with attempt():
        with torch.autograd.graph.saved_tensors_hooks(lambda t: t, lambda t: t):
            x.exp()
    report(torch.autograd.grad(x.exp().sum(), x))

# --- save_on_cpu
x = leaf(1.0, 2.0)
with torch.autograd.graph.save_on_cpu():
    y = (x * x).exp()
y.sum().backward()
report(x.grad)

# --- handle_of_a_dead_tensor
x = leaf(1.0, 2.0)
y = x * 2
handle = y.register_hook(lambda g: g)
del y
handle.remove()
report("removed")
