"""Leaves and requires_grad, .grad and what may be assigned to it, retain_grad."""
# ruff: noqa: F821

# --- what_is_a_leaf
x, c = leaf(1.0, 2.0), torch.ones(2)
report(x, c, x * 2, c * 2, x.detach(), x.clone(), torch.tensor([1, 2]))

# --- leaf_of_factories
for tensor in (torch.zeros(2, requires_grad=True), torch.rand(2, requires_grad=True), torch.eye(2, requires_grad=True)):
    report(tensor.is_leaf, tensor.requires_grad, tensor.grad_fn, tensor.grad, tensor._version)

# --- requires_grad_of_integers
for dtype in (torch.int64, torch.bool, torch.uint8):
    with attempt():
        torch.zeros(2, dtype=dtype, requires_grad=True)
with attempt():
    torch.tensor([1, 2], requires_grad=True)
with attempt():
    torch.tensor([1, 2]).requires_grad_()
with attempt():
    torch.tensor([1, 2]).requires_grad = True
report(torch.tensor([1, 2]).requires_grad_(False))

# --- requires_grad_flag_must_be_bool
x = torch.ones(2)
with attempt():
    x.requires_grad = 1
with attempt():
    x.requires_grad = None
report(x)

# --- requires_grad_method
x = torch.ones(2)
report(x.requires_grad_() is x, x.requires_grad, x.requires_grad_(False).requires_grad)

# --- requires_grad_of_a_non_leaf
x = leaf(1.0, 2.0)
y = x * 2
with attempt():
    y.requires_grad = False
with attempt():
    y.requires_grad_(False)
with attempt():
    y.requires_grad = True
report(y.requires_grad_() is y, y)

# --- requires_grad_switched_off_after_use
x = leaf(1.0, 2.0)
y = (x * x).sum()
x.requires_grad = False
with attempt():
    y.backward()
report(x.grad)

# --- requires_grad_switched_off_and_on_again
x = leaf(1.0, 2.0)
y = (x * x).sum()
x.requires_grad_(False).requires_grad_()
y.backward()
report(x.grad)

# --- requires_grad_of_a_view
base = torch.ones(2, 2)
view = base[0]
view.requires_grad_()
report(view, base, view._base is base)
(view * 2).sum().backward()
report(view.grad, base.grad)

# --- requires_grad_of_a_base_after_a_view
base = torch.ones(2, 2)
view = base[0]
base.requires_grad_()
report(view, base)
with attempt():
    view.add_(1)
report(base, view)

# --- requires_grad_spreads
x, c = leaf(1.0, 2.0), torch.ones(2)
report((x + c).requires_grad, (c + c).requires_grad, (x > 1).requires_grad, x.argmax().requires_grad)
report(torch.stack([c, x]).requires_grad, torch.where(c > 0, c, x).requires_grad, x.long().requires_grad)

# --- is_leaf_cannot_be_set
x = leaf(1.0)
with attempt():
    x.is_leaf = False
with attempt():
    x.grad_fn = None

# --- grad_before_and_after
x = leaf(1.0, 2.0)
report(x.grad)
(x * x).sum().backward()
report(x.grad, x.grad.requires_grad, x.grad.is_leaf)
x.grad = None
report(x.grad)

# --- grad_of_a_non_leaf_warns
x = leaf(1.0, 2.0)
y = x * 2
report(y.grad)
y.sum().backward()
report(y.grad)

# --- grad_of_a_non_leaf_assigned
x = leaf(1.0, 2.0)
y = x * 2
with attempt():
    y.grad = torch.ones(2)
report(y.grad)

# --- grad_of_wrong_shape
x = leaf(1.0, 2.0)
for gradient in (torch.ones(3), torch.ones(2, 1), torch.tensor(1.0)):
    with attempt():
        x.grad = gradient
report(x.grad)

# --- grad_of_wrong_dtype
x = leaf(1.0, 2.0)
with attempt():
    x.grad = torch.ones(2, dtype=torch.float64)
with attempt():
    x.grad = torch.ones(2, dtype=torch.int64)

# --- grad_of_wrong_type
x = leaf(1.0, 2.0)
for gradient in ([1.0, 1.0], 1, "a"):
    with attempt():
        x.grad = gradient

# --- grad_is_itself
x = leaf(1.0, 2.0)
with attempt():
    x.grad = x

# --- grad_assigned_is_kept_as_it_is
x, g = leaf(1.0, 2.0), torch.ones(2)
x.grad = g
report(x.grad is g)
(x * x).sum().backward()
report(x.grad is g, g)

# --- grad_of_a_tensor_without_requires_grad
c = torch.ones(2)
c.grad = torch.ones(2)
report(c.grad)
c.grad = None
report(c.grad)

# --- grad_that_requires_grad_assigned
x, g = leaf(1.0, 2.0), leaf(1.0, 1.0)
x.grad = g * 2
report(x.grad)
(x * x).sum().backward()
report(x.grad, graph(x.grad))

# --- grad_deleted
x = leaf(1.0, 2.0)
x.sum().backward()
with attempt():
    del x.grad
report(x.grad)
with attempt():
    del x.grad

# --- grad_zeroed
x = leaf(1.0, 2.0)
x.sum().backward()
before = x.grad
x.grad.zero_()
(x * x).sum().backward()
report(x.grad is before, x.grad, x.grad._version > 0)

# --- retain_grad
x = leaf(1.0, 2.0)
y = x * 2
report(y.retains_grad)
y.retain_grad()
y.retain_grad()
report(y.retains_grad, y.grad)
(y * y).sum().backward()
report(y.grad, x.grad)

# --- retain_grad_of_leaves
x = leaf(1.0, 2.0)
x.retain_grad()
report(x.retains_grad)
with attempt():
    torch.ones(2).retain_grad()

# --- retain_grad_sums_over_backwards
x = leaf(1.0, 2.0)
y = x * 2
y.retain_grad()
(y * y).sum().backward(retain_graph=True)
(y * y).sum().backward()
report(y.grad)

# --- retain_grad_under_no_grad
x = leaf(1.0, 2.0)
with torch.no_grad():
    y = x * 2
    with attempt():
        y.retain_grad()

# --- retain_grad_in_grad
x = leaf(1.0, 2.0)
y = x * 2
y.retain_grad()
torch.autograd.grad((y * y).sum(), x)
report(y.grad)

# --- retain_grad_then_in_place
x = leaf(1.0, 2.0)
y = x * 2
y.retain_grad()
y.mul_(3)
(y * y).sum().backward()
report(y.grad, x.grad)

# --- retain_grad_after_in_place
x = leaf(1.0, 2.0)
y = x * 2
y.mul_(3)
y.retain_grad()
y.sum().backward()
report(y.grad, y)

# --- retain_grad_of_a_view_then_in_place_on_the_base
x = leaf(1.0, 2.0)
y = x * 2
view = y[:1]
view.retain_grad()
y.mul_(3)
with attempt():
    (view * 5).sum().backward()
    report(view.grad)

# --- retain_grad_with_create_graph
x = leaf(1.0, 2.0)
y = x * x
y.retain_grad()
(y * y).sum().backward(create_graph=True)
report(y.grad, x.grad)
y.grad.sum().backward()
report(x.grad)

# --- retain_grad_of_one_of_several_outputs
x = leaf(1.0, 2.0, 3.0, 4.0)
a, b = x.exp().unbind(0)[:2]
b.retain_grad()
(a + b * 5).backward()
report(b.grad)

# --- retain_grad_before_the_tensors_end
x = leaf(1.0, 2.0)
y = x * 2
y.retain_grad()
z = (y * y).sum()
del y
z.backward()
report(x.grad)

# --- retains_grad_cannot_be_set
x = leaf(1.0)
with attempt():
    x.retains_grad = True
