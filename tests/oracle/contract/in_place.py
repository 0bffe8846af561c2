"""Writes in place: version counters, leaves, and what a later backward says."""
# ruff: noqa: F821

# --- versions_count_writes
x = torch.ones(3)
report(x._version)
x.add_(1)
x[0] = 5
x += 1
x.zero_()
x.copy_(torch.ones(3))
x.clamp_(0, 1)
report(x, x._version)

# --- versions_are_shared_by_views
base = torch.ones(2, 2)
view, other = base[0], base.t()
view.add_(1)
other.mul_(2)
report(base._version, view._version, other._version, base, other)

# --- versions_of_clones_and_copies_are_their_own
base = torch.ones(2)
twin = base.clone()
base.add_(1)
report(base._version, twin._version, base.detach()._version, base.data._version)

# --- bases_of_views_of_views
base = torch.arange(8.0)
view = base.reshape(2, 4)[1].view(2, 2).t()[0]
report(view, view._base is base, base._base is None, view.stride(), view.storage_offset())

# --- which_calls_give_views
x = torch.arange(6.0).reshape(2, 3)
report(x._base is not None)
views = (
    x[0],
    x[:, 1:],
    x.t(),
    x.view(-1),
    x.reshape(3, 2),
    x.unsqueeze(0),
    x.squeeze(),
    x.expand(2, 2, 3),
    x.permute(1, 0),
)
report([v._is_view() for v in views], [v.stride() for v in views], [v.storage_offset() for v in views])
copies = (x[[0, 1]], x[x > 1], x.t().reshape(-1), x.repeat(1, 2), x.clone(), x.t().contiguous(), x.flip(0))
report([v._is_view() for v in copies])

# --- more_calls_that_give_views
x = torch.arange(6.0).reshape(2, 3)
views = (
    x.diagonal(),
    x.narrow(1, 0, 2),
    x.select(0, 1),
    x.movedim(0, 1),
    x.flatten(),
    x.unflatten(1, (3, 1)),
    x.mT,
    x.T,
)
report([v._is_view() for v in views], [v.stride() for v in views])
report([v._is_view() for v in (*x.split(1), *x.chunk(2), *x.unbind(), x.view_as(x), x.expand_as(x))])

# --- in_place_on_a_leaf
x = leaf(1.0, 2.0)
for change in (
    lambda: x.add_(1),
    lambda: x.zero_(),
    lambda: x.mul_(x),
    lambda: x.copy_(torch.ones(2)),
    lambda: x.exp_(),
):
    with attempt():
        change()
with attempt():
    x += 1
with attempt():
    x[0] = 3
report(x, x._version)

# --- in_place_on_a_leaf_under_no_grad
x = leaf(1.0, 2.0)
with torch.no_grad():
    x.add_(1)
    x[0] = 7
    x -= 1
report(x, x._version)

# --- in_place_on_a_view_of_a_leaf
x = leaf([[1.0, 2.0], [3.0, 4.0]])
for view in (x[0], x.t(), x.view(-1), x[0][0]):
    with attempt():
        view.add_(1)
report(x._version)

# --- in_place_on_a_leaf_by_a_recorded_value
x, w = torch.ones(2), leaf(1.0, 2.0)
x.mul_(w)
report(x, graph(x))
x.sum().backward()
report(w.grad)

# --- plain_tensor_gets_a_history
x, w = torch.zeros(2, 2), leaf(1.0, 2.0)
x[0] = w
report(x, graph(x))
x.add_(w)
(x * x).sum().backward()
report(w.grad)

# --- plain_tensors_views_get_the_history
x, w = torch.zeros(2, 2), leaf(1.0, 2.0)
row, column = x[0], x[:, 0]
row.add_(w)
report(x, row, column, graph(x), graph(row), graph(column))
column.sum().backward()
report(w.grad)

# --- chain_of_in_place_ops
x = leaf(1.0, 2.0)
y = x * 2
y.add_(1).mul_(3).neg_()
report(y, graph(y), y._version)
y.sum().backward()
report(x.grad)

# --- in_place_names
x = leaf(0.5, 0.25)
for name in "exp_ sin_ tanh_ sigmoid_ sqrt_ abs_ neg_ log_ relu_ square_ reciprocal_ floor_ zero_ rsqrt_ cos_".split():
    y = x * 1
    report(name, graph(getattr(y, name)()), y)

# --- in_place_names_with_arguments
x = leaf(0.5, 0.25)
report(graph((x * 1).add_(1)), graph((x * 1).sub_(x)), graph((x * 1).mul_(2)), graph((x * 1).div_(x)))
report(graph((x * 1).pow_(2)), graph((x * 1).clamp_(0, 1)), graph((x * 1).fill_(2)), graph((x * 1).fill_(x[0])))
report(graph((x * 1).copy_(x)), (x * 1).masked_fill_(x > 0.3, 1.0), (x * 1).lerp_(x, 0.5))

# --- operators_in_place
x = leaf(4.0, 2.0)
y = x * 1
before = y
y += 1
y *= 2
y -= x
y /= 3
y **= 2
report(y is before, y, graph(y), y._version)
y.sum().backward()
report(x.grad)

# --- in_place_on_what_a_rule_saved
x = leaf(1.0, 2.0)
y = x * 2
z = (y * y).sum()
y.add_(1)
with attempt():
    z.backward()

# --- in_place_on_a_saved_output
x = leaf(1.0, 2.0)
y = x.exp()
z = y.sum()
y.mul_(2)
with attempt():
    z.backward()

# --- in_place_on_a_saved_output_twice_written
x = leaf(1.0, 2.0)
y = x.sigmoid()
z = (y * 2).sum()
y.mul_(2)
y.add_(2)
with attempt():
    z.backward()

# --- in_place_on_what_no_rule_saved
x = leaf(1.0, 2.0)
y = x + 1
z = (y + 3).sum()
y.mul_(5)
z.backward()
report(x.grad)

# --- in_place_on_a_constant_factor
x, c = leaf(1.0, 2.0), torch.tensor([3.0, 4.0])
y = (x * c).sum()
c.add_(1)
with attempt():
    y.backward()

# --- in_place_on_a_view_of_what_was_saved
x = leaf(1.0, 2.0)
y = x * 2
z = (y * y).sum()
y[0] = 9
with attempt():
    z.backward()

# --- in_place_under_no_grad_on_what_was_saved
x = leaf(1.0, 2.0)
z = (x * x).sum()
with torch.no_grad():
    x.add_(1)
with attempt():
    z.backward()

# --- in_place_on_a_detached_alias_of_what_was_saved
x = leaf(1.0, 2.0)
y = x.exp()
y.detach().add_(1)
with attempt():
    y.sum().backward()

# --- in_place_on_a_copied_result
x, out = leaf(1.0, 2.0), torch.empty(2)
out.copy_(x * 2)
report(graph(out))
z = (out * out).sum()
out.add_(1)
with attempt():
    z.backward()

# --- in_place_on_slices_of_what_was_saved
x = leaf(1.0, 2.0, 3.0)
y = x * 1
z = y[:2].exp().sum() + (y * y).sum()
y[2] = 0
with attempt():
    z.backward()

# --- in_place_on_a_saved_index
x = leaf(1.0, 2.0, 3.0)
i = torch.tensor([0, 2])
y = x[i].sum()
i.zero_()
with attempt():
    y.backward()
    report(x.grad)
