"""Where gradients end: sums in place or not, aliasing of .grad, shared leaves."""
# ruff: noqa: F821

# --- two_backwards_sum
x = leaf(1.0, 2.0)
(x * x).sum().backward()
first = x.grad
(x * 3).sum().backward()
report(x.grad, x.grad is first)

# --- two_backwards_sum_with_create_graph
x = leaf(1.0, 2.0)
(x * x).sum().backward()
first = x.grad
(x**3).sum().backward(create_graph=True)
report(x.grad is first, first, x.grad)

# --- first_with_create_graph_then_without
x = leaf(1.0, 2.0)
(x**3).sum().backward(create_graph=True)
first = x.grad
(x * x).sum().backward()
report(x.grad, x.grad is first)

# --- a_view_of_grad_sees_the_sum
x = leaf(1.0, 2.0)
(x * 3).sum().backward()
view = x.grad[0]
(x * x).sum().backward()
report(view, x.grad._version)

# --- leaf_used_several_times
x = leaf(2.0)
y = x * x * x + x
y.backward()
report(x.grad)

# --- two_leaves_of_one_gradient_do_not_alias
a, b = leaf(1.0, 2.0), leaf(3.0, 4.0)
(a + b).backward(torch.ones(2))
a.grad.add_(10)
report(a.grad, b.grad)

# --- gradient_given_is_not_aliased_by_grad
x, g = leaf(1.0, 2.0), torch.ones(2)
(x + 0).backward(g)
x.grad.mul_(7)
report(g, x.grad)

# --- gradient_given_to_a_leaf_is_not_changed
x, g = leaf(1.0, 2.0), torch.ones(2)
x.backward(g)
x.backward(g)
report(g, x.grad, x.grad is g)

# --- expanded_gradient_is_made_whole
x = leaf(1.0, 2.0, 3.0)
x.sum().backward()
x.grad[0] = 9
report(x.grad, x.grad.is_contiguous())

# --- gradient_of_a_transposed_use
x = leaf([[1.0, 2.0], [3.0, 4.0]])
(x.t() * torch.tensor([[1.0, 2.0], [3.0, 4.0]])).sum().backward()
report(x.grad, x.grad.stride())

# --- gradient_takes_the_layout_of_a_transposed_leaf
x = torch.arange(6.0).reshape(2, 3).t().requires_grad_()
(x * 2).sum().backward()
report(x.grad.shape, x.stride())

# --- grad_under_hook_is_what_is_summed
x = leaf(1.0, 2.0)
x.register_hook(lambda g: g * 10)
(x * x).sum().backward()
(x * x).sum().backward()
report(x.grad)

# --- assigned_grad_is_summed_into
x = leaf(1.0, 2.0)
x.grad = torch.full((2,), 100.0)
(x * x).sum().backward()
report(x.grad)

# --- grad_set_to_none_between
x = leaf(1.0, 2.0)
for _ in range(3):
    x.grad = None
    (x * x).sum().backward()
report(x.grad)

# --- shared_grad_tensor
a, b = leaf(1.0, 2.0), leaf(3.0, 4.0)
a.grad = b.grad = torch.zeros(2)
(a * 2 + b * 3).sum().backward()
report(a.grad, b.grad, a.grad is b.grad)

# --- detached_twin_of_a_leaf_gets_nothing
x = leaf(1.0, 2.0)
y = x.detach().requires_grad_()
(x * y).sum().backward()
report(x.grad, y.grad)

# --- unused_leaf_keeps_none
x, y = leaf(1.0), leaf(2.0)
(x * 3).backward()
report(y.grad)

# --- zero_gradient_is_not_none
x = leaf(1.0, 2.0)
(x * 0).sum().backward()
report(x.grad)

# --- gradient_through_a_dead_branch
x = leaf(1.0, 2.0)
y = x.detach() * 5
with attempt():
    y.sum().backward()
(y + x).sum().backward()
report(x.grad)

# --- rule_without_gradient
x = leaf(1.0, 2.0)
with attempt():
    x.round().sum().backward()
report(x.grad, x.sign().requires_grad, graph(x.floor()))

# --- gradients_of_an_optimizer_step
x = leaf(1.0, 2.0)
optimizer = torch.optim.SGD([x], lr=0.1)
for _ in range(2):
    optimizer.zero_grad()
    (x * x).sum().backward()
    optimizer.step()
report(x, x.grad, x._version)

# --- zero_grad_to_none_or_not
x = leaf(1.0, 2.0)
optimizer = torch.optim.SGD([x], lr=0.1)
x.sum().backward()
optimizer.zero_grad(set_to_none=False)
report(x.grad)
optimizer.zero_grad()
report(x.grad)

# --- grads_of_shared_parameters
torch.manual_seed(0)
layer = torch.nn.Linear(2, 2)
x = torch.ones(1, 2)
layer(layer(x)).sum().backward()
report(layer.weight.grad.shape, layer.bias.grad.shape, layer.weight.grad)

# --- grad_buffer_used_in_the_next_graph
x = leaf(1.0, 2.0)
(x * 3).sum().backward()
y = (x.grad * x).sum()
with attempt():
    (x * x).sum().backward()
    y.backward()

# --- grad_dtype_follows_the_leaf
x = leaf(1.0, 2.0, dtype=torch.float16)
(x.float() * 3).sum().backward()
report(x.grad)

# --- float64_leaf_of_float32_gradient
x = leaf(1.0, 2.0, dtype=torch.float64)
(x.float() * 3).sum().backward()
report(x.grad)

# --- in_place_on_grad_of_create_graph
x = leaf(1.0, 2.0)
(x * x).sum().backward(create_graph=True)
with attempt():
    x.grad.zero_()
report(x.grad, graph(x.grad))

# --- failing_backward_writes_nothing_below
x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
h = x * w


def fail(g):
    raise ValueError("stop")


h.register_hook(fail)
with attempt():
    (h * h).sum().backward()
report(x.grad, w.grad)
(x * 2).sum().backward()
report(x.grad)
