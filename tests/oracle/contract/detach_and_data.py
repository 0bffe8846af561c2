"""detach, .data, conversions, parameters, and how tensors print."""
# ruff: noqa: F821

# --- detach
x = leaf(1.0, 2.0)
y = x * 2
d = y.detach()
report(d, d._version, d._base is None)
d.mul_(10)
report(y, y._version)
d.requires_grad_()
report(d)

# --- detach_shares_the_version_counter
x = leaf(1.0, 2.0)
y = x.exp()
d = y.detach()
d.zero_()
report(y._version, d._version)
with attempt():
    y.sum().backward()

# --- detach_is_a_view
base = torch.ones(2, 2)
d = base.detach()
report(d._base is None, d._is_view())
v = base[0].detach()
report(v._is_view(), v._base is None)

# --- detach_in_place
x = leaf(1.0, 2.0)
y = x * 2
report(y.detach_() is y, y, y._version)
y.add_(1)
report(y)

# --- detach_in_place_of_a_leaf
x = leaf(1.0, 2.0)
x.detach_()
report(x)

# --- detach_in_place_of_a_view
x = leaf(1.0, 2.0)
y = x * 2
view = y[:1]
with attempt():
    view.detach_()
report(view)

# --- detach_in_place_of_a_view_without_history
base = torch.ones(2)
with attempt():
    base[:1].detach_()

# --- detach_in_place_of_a_base
x = leaf(1.0, 2.0)
y = x * 2
view = y[:1]
y.detach_()
report(y, view)
view.sum().backward()
report(x.grad)

# --- detach_in_place_keeps_retained_grad
x = leaf(1.0, 2.0)
y = x * 2
y.retain_grad()
z = (y * 3).sum()
y.detach_()
z.backward()
report(y.retains_grad, x.grad)

# --- data_is_unversioned
x = leaf(1.0, 2.0)
y = x.exp()
z = (y * 2).sum()
y.data.zero_()
report(y._version, y.data.requires_grad, y.data._version)
z.backward()
report(x.grad)

# --- data_shares_memory
x = leaf(1.0, 2.0)
x.data.add_(5)
x.data[0] = 9
report(x, x._version)

# --- data_assigned
x = leaf(1.0, 2.0)
v = x._version
x.data = torch.tensor([[5.0, 6.0, 7.0]])
report(x, x._version == v)
(x * 2).sum().backward()
report(x.grad)

# --- data_assigned_of_another_dtype
x = leaf(1.0, 2.0)
with attempt():
    x.data = torch.tensor([1, 2])
with attempt():
    x.data = torch.tensor([1.0, 2.0], dtype=torch.float64)
report(x)
with attempt():
    x.data = [1.0]

# --- data_assigned_after_use
x = leaf(1.0, 2.0)
y = (x * x).sum()
x.data = torch.tensor([10.0, 20.0])
y.backward()
report(x.grad)

# --- data_assigned_of_another_shape_with_grad
x = leaf(1.0, 2.0)
(x * x).sum().backward()
x.data = torch.ones(3)
report(x.grad)
with attempt():
    (x * x).sum().backward()

# --- data_of_a_view
base = torch.ones(2, 2)
view = base[0]
view.data = torch.zeros(2)
report(base, view, view._base is base)

# --- data_deleted
x = leaf(1.0)
with attempt():
    del x.data

# --- clone_is_recorded
x = leaf(1.0, 2.0)
y = x.clone()
report(y, graph(y), torch.autograd.grad(y.sum(), x))

# --- conversions_of_recorded_tensors
x = leaf(1.0, 2.0)
with attempt():
    x.numpy()
with attempt():
    (x * 2).numpy()
report(x.detach().numpy().tolist(), x.numpy(force=True).tolist(), x.tolist(), x[0].item())
with attempt():
    x.item()

# --- float_of_a_recorded_tensor_warns
x = leaf(1.5)
report(float(x), int(x), bool(x), x.item())

# --- same_dtype_conversion_is_the_tensor_itself
x = leaf(1.0, 2.0)
report(x.to(torch.float32) is x, x.float() is x, x.contiguous() is x, x.cpu() is x)
report(graph(x.double()), x.double())
report(graph(x.to(torch.float32, copy=True)))

# --- parameter
p = torch.nn.Parameter(torch.ones(2))
report(p, type(p.data).__name__, type(p.detach()).__name__, type(p * 1).__name__)
q = torch.nn.Parameter(torch.ones(2), requires_grad=False)
report(q)
with attempt():
    torch.nn.Parameter(torch.tensor([1, 2]))
report(torch.nn.Parameter(torch.tensor([1, 2]), requires_grad=False))

# --- parameter_of_a_non_leaf
x = leaf(1.0, 2.0)
y = x * 2
p = torch.nn.Parameter(y)
report(p, y)
p.sum().backward()
report(x.grad, p.grad)

# --- printed_forms
x = leaf(1.0, 2.0)
print(x, x * 2, x.detach(), (x * 2).detach(), torch.nn.Parameter(torch.ones(1)), x.unbind()[0])
with torch.no_grad():
    print(x * 2, x[:1])

# --- tensor_from_a_recorded_tensor_warns
x = leaf(1.0, 2.0)
report(torch.tensor(x))
report(torch.as_tensor(x) is x)
report(x.new_tensor(x))

# --- version_of_fresh_tensors
x = leaf(1.0, 2.0)
report((x * 2)._version, x.clone()._version, torch.zeros(2)._version, x.detach()._version)
with attempt():
    x._version = 3

# --- set_data_of_parameter_with_parameter
p, q = torch.nn.Parameter(torch.ones(2)), torch.nn.Parameter(torch.zeros(2))
p.data = q.data
p.data.add_(1)
report(p, q)
p.data = q
report(p, p.data_ptr() == q.data_ptr())
