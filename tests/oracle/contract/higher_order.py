"""create_graph: derivatives of derivatives, through views, in-place ops, hooks, and many rules."""
# ruff: noqa: F821

# --- second_and_third_derivative
x = leaf(2.0)
y = x**4
for _ in range(4):
    (y,) = torch.autograd.grad(y, x, create_graph=True)
    report(y)

# --- derivative_of_a_constant_derivative
x = leaf(2.0)
(g,) = torch.autograd.grad(x * 3, x, create_graph=True)
report(g)
with attempt():
    torch.autograd.grad(g, x)

# --- first_derivative_without_create_graph
x = leaf(2.0)
(g,) = torch.autograd.grad(x**3, x)
report(g)
with attempt():
    g.backward()

# --- hessian_vector_product
x, v = leaf(1.0, 2.0), torch.tensor([1.0, -1.0])
(g,) = torch.autograd.grad((x**3).sum() + x[0] * x[1], x, create_graph=True)
report(torch.autograd.grad(g, x, v))

# --- mixed_partial_derivatives
x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
(gx,) = torch.autograd.grad((x.exp() * w).sum(), x, create_graph=True)
report(torch.autograd.grad(gx.sum(), [x, w]))

# --- gradient_penalty
x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
y = (x * w).sin().sum()
(g,) = torch.autograd.grad(y, x, create_graph=True)
(y + g.pow(2).sum()).backward()
report(w.grad, x.grad)

# --- backward_with_create_graph
x = leaf(2.0)
(x**3).backward(create_graph=True)
g = x.grad
report(g)
g.backward()
report(x.grad, x.grad is g)

# --- double_backward_of_double_use
x = leaf(2.0)
y = x * x * x
(g,) = torch.autograd.grad(y, x, create_graph=True)
report(torch.autograd.grad(g + y, x))

# --- grad_outputs_that_require_grad
x, v = leaf(1.0, 2.0), leaf(3.0, 4.0)
(g,) = torch.autograd.grad(x * x, x, v, create_graph=True)
report(g)
report(torch.autograd.grad(g.sum(), [x, v]))

# --- grad_outputs_that_require_grad_without_create_graph
x, v = leaf(1.0, 2.0), leaf(3.0, 4.0)
(g,) = torch.autograd.grad(x * x, x, v)
report(g)

# --- forward_mode_by_double_backward
x, v = leaf(1.0, 2.0), torch.tensor([1.0, 10.0])
u = torch.zeros(2, requires_grad=True)
(g,) = torch.autograd.grad(x.exp(), x, u, create_graph=True)
report(torch.autograd.grad(g, u, v))

# --- materialized_zeros_have_no_history
x, w = leaf(1.0), leaf(2.0)
a, b = torch.autograd.grad(x * x, [x, w], create_graph=True, materialize_grads=True)
report(a, b)

# --- second_order_through_views
x = leaf([[1.0, 2.0], [3.0, 4.0]])
y = (x.t()[0] ** 3).sum() + x.view(-1)[3].exp()
(g,) = torch.autograd.grad(y, x, create_graph=True)
report(g, torch.autograd.grad(g.sum(), x))

# --- second_order_through_in_place
x = leaf(1.0, 2.0)
y = x * x
y.mul_(x)
y[0] = y[1] * 2
(g,) = torch.autograd.grad(y.sum(), x, create_graph=True)
report(g, torch.autograd.grad(g.sum(), x))

# --- second_order_through_several_outputs
x = leaf(1.0, 2.0, 3.0)
a, b = (x * x).split([1, 2])
(g,) = torch.autograd.grad((a * b).sum(), x, create_graph=True)
report(g, torch.autograd.grad(g.sum(), x))

# --- second_order_through_hooks
x = leaf(1.0, 2.0)
y = x * x
y.register_hook(lambda g: g * g)
(g,) = torch.autograd.grad((y * 3).sum(), x, create_graph=True)
report(g, torch.autograd.grad(g.sum(), x))

# --- second_order_through_broadcasting
x, w = leaf([[1.0], [2.0]]), leaf(3.0, 4.0)
(g,) = torch.autograd.grad((x * w).exp().sum(), w, create_graph=True)
report(g.tolist(), torch.autograd.grad(g.sum(), [x, w]))

# --- second_order_through_dtypes
x = leaf(1.0, 2.0)
(g,) = torch.autograd.grad((x.double() ** 3).sum(), x, create_graph=True)
report(g, torch.autograd.grad(g.sum(), x))

# --- second_order_of_elementwise_rules
x = leaf(0.3, 0.6, dtype=torch.float64)
for (
    name
) in "exp log sin cos tan tanh sigmoid sqrt rsqrt asin acos atan sinh cosh expm1 log1p reciprocal square erf".split():
    (g,) = torch.autograd.grad(getattr(x, name)().sum(), x, create_graph=True)
    report(name, g.tolist(), torch.autograd.grad(g.sum(), x, allow_unused=True)[0])

# --- second_order_of_reductions
x = leaf([[0.3, 0.6], [0.9, 1.2]], dtype=torch.float64)
for function in (
    lambda x: x.sum(0).pow(2),
    lambda x: x.mean(1).exp(),
    lambda x: x.prod(0),
    lambda x: x.var(1),
    lambda x: x.std(0),
    lambda x: x.norm(),
    lambda x: x.logsumexp(1),
    lambda x: x.softmax(1),
    lambda x: x.log_softmax(0),
    lambda x: x.cumsum(1).exp(),
    lambda x: x.max(1)[0].pow(3),
):
    (g,) = torch.autograd.grad(function(x).pow(2).sum(), x, create_graph=True)
    report(g.tolist(), torch.autograd.grad(g.sum(), x)[0])

# --- second_order_of_products
a = leaf([[0.3, 0.6], [0.9, 1.2]], dtype=torch.float64)
b = leaf([[1.0, -1.0], [0.5, 2.0]], dtype=torch.float64)
(g,) = torch.autograd.grad((a @ b).exp().sum(), a, create_graph=True)
report(g.tolist(), torch.autograd.grad(g.sum(), [a, b]))

# --- second_order_of_indexing
x = leaf(1.0, 2.0, 3.0)
i = torch.tensor([0, 0, 2])
(g,) = torch.autograd.grad((x[i] ** 3).sum() + x.gather(0, i).exp().sum(), x, create_graph=True)
report(g, torch.autograd.grad(g.sum(), x))

# --- second_order_of_joins
x = leaf(1.0, 2.0)
(g,) = torch.autograd.grad((torch.cat([x, x * x]) ** 2).sum() + torch.stack([x, x**3]).prod(), x, create_graph=True)
report(g, torch.autograd.grad(g.sum(), x))

# --- second_order_of_where
x = leaf(1.0, -2.0)
(g,) = torch.autograd.grad(torch.where(x > 0, x**3, x**2).sum(), x, create_graph=True)
report(g, torch.autograd.grad(g.sum(), x))

# --- second_order_of_a_layer
torch.manual_seed(0)
layer = torch.nn.Linear(2, 2)
x = leaf([[1.0, 2.0]])
(g,) = torch.autograd.grad(layer(x).tanh().sum(), x, create_graph=True)
g.pow(2).sum().backward()
report(g, layer.weight.grad, layer.bias.grad)

# --- second_order_of_a_convolution
torch.manual_seed(0)
weight = torch.rand(2, 1, 2, 2, requires_grad=True)
x = torch.rand(1, 1, 3, 3, requires_grad=True)
(g,) = torch.autograd.grad(torch.nn.functional.conv2d(x, weight).pow(2).sum(), x, create_graph=True)
report(torch.autograd.grad(g.sum(), [weight, x]))

# --- second_order_of_cross_entropy
x = leaf([[0.1, 0.2], [0.3, -0.4]], dtype=torch.float64)
(g,) = torch.autograd.grad(torch.nn.functional.cross_entropy(x, torch.tensor([0, 1])), x, create_graph=True)
report(g.tolist(), torch.autograd.grad(g.pow(2).sum(), x))

# --- second_order_with_retain_grad
x = leaf(1.0, 2.0)
(g,) = torch.autograd.grad((x**3).sum(), x, create_graph=True)
g.retain_grad()
(g * g).sum().backward()
report(g.grad, x.grad)

# --- freed_by_the_second_backward
x = leaf(1.0, 2.0)
(g,) = torch.autograd.grad((x**3).sum(), x, create_graph=True)
g.sum().backward()
with attempt():
    g.sum().backward()

# --- inner_loop_of_meta_learning
w = leaf(1.0, 2.0)
fast = w
for _ in range(3):
    (g,) = torch.autograd.grad((fast**2).sum(), fast, create_graph=True)
    fast = fast - 0.1 * g
(fast * fast).sum().backward()
report(fast, w.grad)

# --- deep_second_order
x = leaf(1.0)
y = x
for _ in range(500):
    y = y * 1.001
(g,) = torch.autograd.grad(y * y, x, create_graph=True)
report(g, torch.autograd.grad(g, x))

# --- create_graph_under_hooks_that_detach
x = leaf(1.0, 2.0)
y = x * x
y.register_hook(lambda g: g.detach() * 2)
(g,) = torch.autograd.grad((y**2).sum(), x, create_graph=True)
report(g, torch.autograd.grad(g.sum(), x))
