"""grad(): its outputs, inputs and options."""
# ruff: noqa: F821

# --- grad_returns_a_tuple
x, y = leaf(1.0, 2.0), leaf(3.0)
found = torch.autograd.grad((x * y).sum(), [x, y])
report(type(found).__name__, found, x.grad, y.grad)

# --- grad_outputs
x = leaf(1.0, 2.0)
report(torch.autograd.grad(x * x, x, torch.tensor([1.0, 10.0])))
report(torch.autograd.grad([x * x, x.sum()], x, [torch.tensor([1.0, 10.0]), None]))
report(torch.autograd.grad(outputs=x * x, inputs=x, grad_outputs=torch.ones_like(x)))

# --- grad_outputs_none
x = leaf(1.0, 2.0)
with attempt():
    torch.autograd.grad([x * x], x, [None])
report(torch.autograd.grad([x.sum()], x, [None]))

# --- grad_outputs_of_wrong_shape
x = leaf(1.0, 2.0)
with attempt():
    torch.autograd.grad(x * x, x, torch.ones(3))
with attempt():
    torch.autograd.grad([x * x, x.sum()], x, [torch.ones(2, 1), None])

# --- unused_input
x, y = leaf(1.0, 2.0), leaf(1.0)
with attempt():
    torch.autograd.grad(x.sum(), [x, y])
report(torch.autograd.grad(x.sum(), [x, y], allow_unused=True))
report(torch.autograd.grad(x.sum(), [y, x], materialize_grads=True))

# --- unused_with_materialize_and_allow_unused
x, y = leaf(1.0, 2.0), leaf(1.0)
report(torch.autograd.grad(x.sum(), [y], allow_unused=True, materialize_grads=True))
with attempt():
    torch.autograd.grad(x.sum(), [y], allow_unused=False, materialize_grads=True)

# --- input_without_requires_grad
x, y = leaf(1.0, 2.0), torch.ones(2)
with attempt():
    torch.autograd.grad((x * y).sum(), y)
with attempt():
    report(torch.autograd.grad((x * y).sum(), [x, y], allow_unused=True))
with attempt():
    report(torch.autograd.grad((x * y).sum(), [x, y], materialize_grads=True))

# --- the_same_input_twice
x = leaf(1.0, 2.0)
a, b = torch.autograd.grad((x * x).sum(), [x, x])
report(a, b)
h = x.exp()
report(torch.autograd.grad((h * h).sum(), [h, x, h]))

# --- input_is_the_output
x = leaf(1.0, 2.0)
y = (x * x).sum()
report(torch.autograd.grad(y, y))
y = x * x
report(torch.autograd.grad(y, [y, x], torch.ones(2)))

# --- non_leaf_input
x = leaf(1.0, 2.0)
h = x.exp()
report(torch.autograd.grad((h * h).sum(), h), x.grad)

# --- non_leaf_input_stops_the_walk
x = leaf(1.0, 2.0)
h = x.exp()
y = (h * h).sum()
torch.autograd.grad(y, h)
report(h.grad_fn._saved_result is not None)
with attempt():
    torch.autograd.grad(y, h)
report(torch.autograd.grad(h, x, torch.ones(2)))

# --- only_the_paths_to_the_inputs_are_walked
x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
seen = []
a, b = x.exp(), w.exp()
a.register_hook(lambda g: seen.append("a"))
b.register_hook(lambda g: seen.append("b"))
torch.autograd.grad((a * b).sum(), w)
report(seen)
report(torch.autograd.grad(a, x, torch.ones(2)))

# --- backward_inputs
x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
(x * w).sum().backward(inputs=[w])
report(x.grad, w.grad)
(x * w).sum().backward(inputs=x)
report(x.grad, w.grad)

# --- backward_inputs_of_a_non_leaf
x = leaf(1.0, 2.0)
h = x * 2
(h * h).sum().backward(inputs=[h])
report(x.grad, h.grad, h.retains_grad)

# --- backward_inputs_unreachable
x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
with attempt():
    x.sum().backward(inputs=[w])
report(x.grad, w.grad)

# --- backward_inputs_without_requires_grad
x = leaf(1.0, 2.0)
with attempt():
    x.sum().backward(inputs=[torch.ones(2)])
with attempt():
    x.sum().backward(inputs=[x, torch.ones(2)])
report(x.grad)

# --- grads_batched
x = leaf(1.0, 2.0)
(jacobian,) = torch.autograd.grad(x * x, x, torch.eye(2), is_grads_batched=True)
report(jacobian)

# --- grads_batched_twice_differentiable
x = leaf(1.0, 2.0)
(jacobian,) = torch.autograd.grad(x**3, x, torch.eye(2), is_grads_batched=True, create_graph=True)
report(jacobian.requires_grad, torch.autograd.grad(jacobian.sum(), x))

# --- grads_batched_of_wrong_shape
x = leaf(1.0, 2.0)
for output, gradient in ((x * x, torch.ones(3, 3)), (x.sum(), torch.ones(3, 1))):
    try:
        torch.autograd.grad(output, x, gradient, is_grads_batched=True)
    except RuntimeError as error:  # torch names a shape without the batch dimension twice over
        report(str(error).partition("grad_output[0]")[0], str(error).partition("and output[0]")[2])

# --- grads_batched_of_several_outputs
x = leaf(1.0, 2.0)
found = torch.autograd.grad(
    [x * x, x.sum()], x, [torch.tensor([[1.0, 0.0], [0.0, 2.0], [1.0, 1.0]]), torch.arange(3.0)], is_grads_batched=True
)
report(found)

# --- grads_batched_unused
x, y = leaf(1.0, 2.0), leaf(1.0)
report(torch.autograd.grad(x * x, [x, y], torch.eye(2), is_grads_batched=True, allow_unused=True))
