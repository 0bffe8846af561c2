"""backward(): its roots, their gradients, and what it leaves of the graph."""
# ruff: noqa: F821

# --- scalar_root
x = leaf(1.0, 2.0)
y = (x * x).sum()
report(y.backward(), x.grad, graph(y))

# --- vector_root_needs_gradient
x = leaf(1.0, 2.0)
with attempt():
    (x * x).backward()
with attempt():
    torch.autograd.grad(x * x, x)
report(x.grad)

# --- one_element_root_of_any_rank
x = leaf([[3.0]])
(x * x).backward()
report(x.grad)

# --- empty_root
x = leaf([])
with attempt():
    (x * 2).backward()
(x * 2).backward(torch.ones(0))
report(x.grad)

# --- vector_root_with_gradient
x = leaf(1.0, 2.0)
(x * x).backward(torch.tensor([1.0, -1.0]))
report(x.grad)

# --- gradient_by_keyword
x = leaf(1.0, 2.0)
(x * x).backward(gradient=torch.tensor([1.0, -1.0]))
torch.autograd.backward(tensors=(x * x,), grad_tensors=(torch.tensor([1.0, 1.0]),))
report(x.grad)

# --- gradient_of_wrong_shape
x = leaf(1.0, 2.0)
for gradient in (torch.ones(3), torch.ones(1), torch.ones(()), torch.ones(1, 2)):
    with attempt():
        (x * x).backward(gradient)
report(x.grad)

# --- gradient_of_wrong_type
x = leaf(1.0, 2.0)
for gradient in ([1.0, 1.0], 1.0, "ones"):
    with attempt():
        (x * x).backward(gradient)

# --- gradient_of_other_dtype
x = leaf(1.0, 2.0)
(x * x).backward(torch.tensor([1.0, 2.0], dtype=torch.float64))
report(x.grad)
(x * x).backward(torch.tensor([1, 2]))
report(x.grad)

# --- complex_gradient_of_real_root
x = leaf(1.0, 2.0)
with attempt():
    (x * x).backward(torch.tensor([1j, 1j]))

# --- scalar_gradient_of_scalar_root_shape
x = leaf(1.0, 2.0)
with attempt():
    x.sum().backward(torch.ones(1))
x.sum().backward(torch.tensor(5.0))
report(x.grad)

# --- root_without_history
for root in (torch.ones(()), torch.ones(2), torch.ones((), dtype=torch.int64)):
    with attempt():
        root.backward()
with attempt():
    torch.autograd.grad(torch.ones(()), leaf(1.0))

# --- root_without_history_but_gradient
with attempt():
    torch.ones(2).backward(torch.ones(2))

# --- root_is_a_leaf
x = leaf(2.0)
x.backward()
report(x.grad)
report(torch.autograd.grad(x, x))

# --- root_is_a_leaf_with_gradient
x = leaf(1.0, 2.0)
g = torch.tensor([3.0, 4.0])
x.backward(g)
g.add_(1)
report(x.grad, x.grad is g)

# --- root_made_under_no_grad
x = leaf(1.0, 2.0)
with torch.no_grad():
    y = (x * 2).sum()
with attempt():
    y.backward()

# --- several_roots
x = leaf(1.0, 2.0)
y, z = (x * x).sum(), x.exp().sum()
torch.autograd.backward([y, z])
report(x.grad)
report(torch.autograd.grad([(x * x).sum(), x.exp().sum()], [x]))

# --- several_roots_with_gradients
x = leaf(1.0, 2.0)
torch.autograd.backward([x * x, (x * 3).sum()], [torch.ones(2), None])
report(x.grad)

# --- the_same_root_twice
x = leaf(1.0, 2.0)
y = (x * x).sum()
torch.autograd.backward([y, y])
report(x.grad)
y = (x * x).sum()
report(torch.autograd.grad([y, y], x))

# --- a_root_above_another
x = leaf(1.0, 2.0)
y = x * x
z = (y * 3).sum()
torch.autograd.backward([z, y], [None, torch.ones(2)])
report(x.grad)

# --- roots_and_gradients_of_other_lengths
x = leaf(1.0, 2.0)
with attempt():
    torch.autograd.backward([x.sum(), x.sum()], [torch.tensor(1.0)])
with attempt():
    torch.autograd.backward([x.sum()], [torch.tensor(1.0), torch.tensor(1.0)])
with attempt():
    torch.autograd.grad([x.sum(), x.sum()], x, [torch.tensor(1.0)])

# --- one_root_of_two_without_history
x = leaf(1.0, 2.0)
with attempt():
    torch.autograd.backward([x.sum(), torch.ones(())])
report(x.grad)

# --- no_roots
with attempt():
    report(torch.autograd.backward([]))
with attempt():
    torch.autograd.grad([], leaf(1.0))

# --- no_inputs
x = leaf(1.0)
with attempt():
    torch.autograd.grad(x * 2, [])
with attempt():
    torch.autograd.backward(x * 2, inputs=[])

# --- roots_as_a_generator_or_a_tuple
x = leaf(1.0, 2.0)
torch.autograd.backward((x.sum(), (x * x).sum()))
report(x.grad)

# --- second_backward
x = leaf(1.0, 2.0)
y = x.exp().sum()
y.backward()
with attempt():
    y.backward()
report(x.grad)

# --- second_backward_of_what_saves_nothing
x = leaf(1.0, 2.0)
y = (x + 1).sum()
y.backward()
with attempt():
    y.backward()
report(x.grad)

# --- second_backward_by_scalars_only
x = leaf(1.0, 2.0)
y = (x * 3 - 1).sum()
y.backward()
with attempt():
    y.backward()
report(x.grad)

# --- retain_graph
x = leaf(1.0, 2.0)
y = x.exp().sum()
y.backward(retain_graph=True)
y.backward(retain_graph=False)
with attempt():
    y.backward()
report(x.grad)

# --- create_graph_retains
x = leaf(1.0, 2.0)
y = x.exp().sum()
torch.autograd.grad(y, x, create_graph=True)
report(torch.autograd.grad(y, x))

# --- create_graph_without_retain_graph
x = leaf(1.0, 2.0)
y = x.exp().sum()
(g,) = torch.autograd.grad(y, x, create_graph=True, retain_graph=False)
report(g)
with attempt():
    torch.autograd.grad(y, x)

# --- backward_into_a_freed_part
x = leaf(1.0, 2.0)
h = x.exp()
a, b = (h * 2).sum(), (h * 3).sum()
a.backward()
with attempt():
    b.backward()
report(x.grad)
