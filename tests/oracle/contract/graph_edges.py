"""Gradient edges, nodes called by hand, and graphs of every shape."""
# ruff: noqa: E402, F821

# --- gradient_edge_of_a_leaf
x = leaf(1.0, 2.0)
edge = torch.autograd.graph.get_gradient_edge(x)
report(edge.node.name(), edge.output_nr, torch.autograd.grad((x * x).sum(), edge))

# --- gradient_edge_of_a_non_leaf
x = leaf(1.0, 2.0)
a, b = (x * 2).chunk(2)
edge = torch.autograd.graph.get_gradient_edge(b)
report(edge.node.name(), edge.output_nr)
report(torch.autograd.grad((a * b).sum(), edge))

# --- gradient_edge_without_history
with attempt():
    torch.autograd.graph.get_gradient_edge(torch.ones(2))

# --- gradient_edge_as_root
x = leaf(1.0, 2.0)
edge = torch.autograd.graph.get_gradient_edge(x.exp())
report(torch.autograd.grad(edge, x, torch.ones(2)))
with attempt():
    torch.autograd.grad(torch.autograd.graph.get_gradient_edge(x.exp()), x)

# --- gradient_edge_outlives_the_tensor
x = leaf(1.0, 2.0)
h = x * 2
edge = torch.autograd.graph.get_gradient_edge(h)
y = (h * h).sum()
del h
report(torch.autograd.grad(y, [edge, x]))

# --- gradient_edge_unused
x = leaf(1.0, 2.0)
edge = torch.autograd.graph.get_gradient_edge(x.exp())
with attempt():
    torch.autograd.grad(x.sum(), edge)
report(torch.autograd.grad(x.sum(), edge, allow_unused=True))

# --- gradient_edge_as_backward_input
x = leaf(1.0, 2.0)
h = x.exp()
with attempt():
    h.sum().backward(inputs=[torch.autograd.graph.get_gradient_edge(h)])
h = x.exp()
with attempt():
    h.sum().backward(inputs=[torch.autograd.graph.get_gradient_edge(x)])
report(x.grad)

# --- grad_under_no_grad
x = leaf(1.0, 2.0)
y = (x * x).sum()
with torch.no_grad():
    (g,) = torch.autograd.grad(y, x, create_graph=True)
report(g)
with attempt():
    torch.autograd.grad(g.sum(), x)

# --- backward_under_no_grad
x = leaf(1.0, 2.0)
y = (x * x).sum()
with torch.no_grad():
    y.backward()
report(x.grad)

# --- node_called_by_hand
x = leaf(1.0, 2.0)
y = x * 3
report(y.grad_fn(torch.ones(2)), y.grad_fn.next_functions[0][0].variable is x)

# --- broadcast_gradients
x, w = leaf([[1.0], [2.0]]), leaf(1.0, 2.0, 3.0)
(x * w).sum().backward()
report(x.grad, w.grad)

# --- gradients_of_mixed_dtypes
x, w = leaf(1.0, 2.0), leaf(1.0, 2.0, dtype=torch.float64)
(x * w).sum().backward()
report(x.grad, w.grad)

# --- diamond
x = leaf(2.0)
a = x * 3
b, c = a.exp(), a.sin()
(b * c).backward()
report(x.grad)

# --- deep_chain
x = leaf(1.0, 2.0)
y = x
for _ in range(20000):
    y = y + 1
y.sum().backward()
report(x.grad)
del y

# --- only_inputs
x = leaf(1.0, 2.0)
report(torch.autograd.grad(x.sum(), x, None, None, False, True, None, False, False))
report(torch.autograd.grad(x.sum(), x, only_inputs=False))

# --- inputs_as_a_dict
x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
report(torch.autograd.grad((x * w).sum(), {"first": x, "second": w}))
(x * w).sum().backward(inputs={"second": w})
report(x.grad, w.grad)
with attempt():
    torch.autograd.grad((x * w).sum(), {})

# --- inputs_as_another_mapping
from collections import OrderedDict

x = leaf(1.0, 2.0)
with attempt():
    torch.autograd.grad(x.sum(), OrderedDict(x=x))
with attempt():
    torch.autograd.backward(x.sum(), inputs=OrderedDict(x=x))

# --- grad_variables
x = leaf(1.0, 2.0)
torch.autograd.backward(x * x, grad_variables=torch.ones(2))
report(x.grad)
with attempt():
    torch.autograd.backward(x * x, torch.ones(2), grad_variables=torch.ones(2))

# --- node_called_with_wrong_arguments
x = leaf(1.0, 2.0)
node = x.exp().grad_fn
with attempt():
    node()
with attempt():
    node(torch.ones(2), torch.ones(2))
with attempt():
    node(1.0)
report(node(None))

# --- node_called_runs_no_hooks
x = leaf(1.0, 2.0)
y = x.exp()
y.register_hook(lambda g: report("tensor hook"))
y.grad_fn.register_hook(lambda *parts: report("hook"))
y.grad_fn.register_prehook(lambda *parts: report("prehook"))
with torch.no_grad():
    report(y.grad_fn(torch.ones(2)))
report(y.grad_fn(torch.ones(2)))
y.sum().backward()
with attempt():
    y.grad_fn(torch.ones(2))

# --- node_called_for_several_outputs_and_broadcasting
x, w = leaf([[1.0], [2.0]]), leaf(1.0, 2.0, 3.0)
report((x * w).grad_fn(torch.ones(2, 3)))
values, _ = w.sort()
report(values.grad_fn(torch.ones(3)))
a, b = w[:2].unbind()
report(a.grad_fn(torch.tensor(1.0), None))

# --- accumulate_grad_called
x = leaf(1.0, 2.0)
node = (x * 2).grad_fn.next_functions[0][0]
with torch.no_grad():
    report(node(torch.ones(2)), node(torch.ones(2)), x.grad, node.next_functions)
