"""Bases and views: a write to one seen by the other, and views made under no_grad."""
# ruff: noqa: B018, F821

# --- write_to_a_base_renews_its_views
x = leaf(1.0, 2.0)
y = x * 2
view = y[:1]
report(graph(view))
y.mul_(3)
report(graph(y), graph(view), view)
(view * 5).sum().backward()
report(x.grad)

# --- write_to_a_view_changes_its_base
x = leaf(1.0, 2.0)
y = x * 2
view = y[:1]
view.mul_(10)
report(y, view, graph(y), graph(view))
(y * torch.tensor([1.0, 100.0])).sum().backward()
report(x.grad)

# --- write_to_a_view_of_a_view
x = leaf([[1.0, 2.0], [3.0, 4.0]])
y = x * 1
corner = y[0][:1]
corner.mul_(10)
y[1].view(2)[1:].exp_()
report(y, graph(corner))
(y * y).sum().backward()
report(x.grad)

# --- write_to_one_view_seen_by_another
x = leaf(1.0, 2.0, 3.0)
y = x * 1
a, b = y[:2], y[1:]
a.mul_(10)
report(b, graph(b))
b.sum().backward()
report(x.grad)

# --- write_to_a_transposed_view
x = leaf([[1.0, 2.0], [3.0, 4.0]])
y = x * 1
y.t()[0].zero_()
report(y, graph(y))
(y * y).sum().backward()
report(x.grad)

# --- write_by_index
x, v = leaf(1.0, 2.0, 3.0), leaf(5.0)
y = x * 1
y[1] = v
report(y, graph(y))
y[torch.tensor([0, 2])] = v * 2
report(y, graph(y))
(y * y).sum().backward()
report(x.grad, v.grad)

# --- write_by_mask
x = leaf(1.0, 2.0, 3.0)
y = x * 1
y[y > 1.5] = 0
report(y, graph(y))
y.sum().backward()
report(x.grad)

# --- write_a_number_by_index
x = leaf([[1.0, 2.0], [3.0, 4.0]])
y = x * 1
y[0] = 7
y[:, 1] = 8
report(y, graph(y))
y.sum().backward()
report(x.grad)

# --- write_a_recorded_value_into_a_view_of_a_constant
c, x = torch.zeros(3), leaf(2.0)
view = c[1:]
view[0] = x
report(c, view, graph(c))
c.sum().backward()
report(x.grad)

# --- write_through_expand
x = leaf(1.0)
y = (x * 1).expand(3)
with attempt():
    y.add_(1)
c = torch.ones(1).expand(3)
with attempt():
    c.mul_(2)
report(c)

# --- shape_does_not_fit
x = torch.ones(2)
with attempt():
    x.add_(torch.ones(3))
with attempt():
    x.add_(torch.ones(2, 2))
report(x, x._version)

# --- dtype_does_not_fit
x = torch.tensor([1, 2])
with attempt():
    x.add_(1.5)
with attempt():
    x.mul_(torch.ones(2))
with attempt():
    x.div_(2)
report(x, x._version)
y = torch.ones(2)
y.add_(torch.ones(2, dtype=torch.float64))
report(y)

# --- views_made_under_no_grad
x = leaf(1.0, 2.0)
y = x * 2
with torch.no_grad():
    view = y[:1]
report(view, graph(view))
with attempt():
    view.add_(1)
report(y)

# --- views_of_a_leaf_made_under_no_grad
x = leaf(1.0, 2.0)
with torch.no_grad():
    view = x[:1]
report(view, view._base is x)
(view * 3).sum().backward()
report(x.grad, view.grad)
with attempt():
    view.add_(1)
with torch.no_grad():
    view.add_(1)
report(x, x._version)

# --- views_of_views_made_under_no_grad
x = leaf([[1.0, 2.0], [3.0, 4.0]])
y = x * 2
with torch.no_grad():
    row = y[0]
corner = row[:1]
report(row, corner)
with attempt():
    corner.add_(1)

# --- write_to_the_base_of_a_view_made_under_no_grad
x = leaf(1.0, 2.0)
y = x * 2
with torch.no_grad():
    view = y[:1]
y.add_(1)
with attempt():
    view.grad_fn
with attempt():
    (view * 2).sum().backward()
report(y)

# --- views_of_a_constant_made_under_no_grad
c, w = torch.zeros(2), leaf(1.0)
with torch.no_grad():
    view = c[:1]
view.add_(1)
report(c, view)
with attempt():
    view.mul_(w)

# --- views_made_with_grad_changed_under_no_grad
x = leaf(1.0, 2.0)
y = x * 2
view = y[:1]
with torch.no_grad():
    view.mul_(100)
report(y, view, graph(y), y._version)
y.sum().backward()
report(x.grad)

# --- view_under_no_grad_of_a_later_leaf
base = torch.ones(2)
with torch.no_grad():
    view = base[:1]
base.requires_grad_()
report(view)
with attempt():
    view.add_(1)

# --- flag_lent_to_views_and_taken_back
base = torch.ones(2)
view = base[:1]
base.requires_grad_()
report(view.requires_grad, view.is_leaf)
base.requires_grad_(False)
report(view.requires_grad)
view.requires_grad_()
report(base.requires_grad, view.requires_grad)

# --- data_writes_are_not_noticed
x = leaf(1.0, 2.0)
y = x * 2
z = (y * y).sum()
y.data.add_(1)
report(y._version)
z.backward()
report(x.grad)

# --- detached_view_shares_versions
x = leaf(1.0, 2.0)
y = x.exp()
view = y.detach()[:1]
view.add_(1)
report(y._version, view._is_view())
with attempt():
    y.sum().backward()

# --- swapped_dimensions_in_place
x = leaf([[1.0, 2.0, 3.0]])
y = x * 2
report(y.t_().shape, y.unsqueeze_(0).shape, y.squeeze_().shape, y._version)
(y * torch.tensor([1.0, 2.0, 3.0])).sum().backward()
report(x.grad)

# --- in_place_with_itself
x = leaf(1.0, 2.0)
y = x * 1
y.mul_(y)
report(y, graph(y))
with attempt():
    y.sum().backward()

# --- in_place_with_a_part_of_itself
y = torch.ones(2)
with attempt():
    y.add_(y[0])

# --- in_place_in_a_loop
x = leaf(1.0, 2.0)
y = torch.zeros(2)
for i in range(5):
    y += x * i
report(y, y._version)
y.sum().backward()
report(x.grad)

# --- rows_written_in_a_loop
x = leaf(1.0, 2.0)
y = torch.zeros(3, 2)
for i in range(3):
    y[i] = x * i
report(y, graph(y))
(y * y).sum().backward()
report(x.grad)

# --- recurrence_over_rows
x = leaf(1.0, 2.0)
y = torch.ones(3, 2)
for i in range(1, 3):
    y[i] = y[i - 1].clone() * x
report(y)
y.sum().backward()
report(x.grad)

# --- recurrence_over_rows_without_clone
x = leaf(1.0, 2.0)
y = torch.ones(3, 2)
for i in range(1, 3):
    y[i] = y[i - 1] * x
with attempt():
    y.sum().backward()
    report(x.grad)

# --- in_place_on_other_saved_indices
x = leaf(1.0, 2.0, 3.0)
for read in (lambda i: x.gather(0, i), lambda i: x.index_select(0, i), lambda i: x.take(i)):
    i = torch.tensor([0, 2])
    y = read(i).sum()
    i.zero_()
    with attempt():
        y.backward()

# --- in_place_on_a_saved_mask
x = leaf(1.0, 2.0, 3.0)
for read in (lambda m: x[m], lambda m: x.masked_fill(m, 0.0), lambda m: torch.where(m, x, x * 2)):
    mask = torch.tensor([True, False, True])
    y = read(mask).sum()
    mask.zero_()
    with attempt():
        y.backward()

# --- in_place_on_saved_classes
x, target = leaf([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([0, 1])
y = torch.nn.functional.cross_entropy(x, target)
target.zero_()
with attempt():
    y.backward()

# --- in_place_on_an_indexed_table
weight, i = leaf([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([0, 1])
y = torch.nn.functional.embedding(i, weight).sum()
i.zero_()
with attempt():
    y.backward()

# --- failed_in_place_leaves_everything
x = leaf(1.0, 2.0)
y = x * 1
with attempt():
    y.add_(torch.ones(5))
report(y, y._version, graph(y))
y.sum().backward()
report(x.grad)

# --- out_arguments
x, out = leaf(1.0, 2.0), torch.zeros(2)
with attempt():
    torch.mul(x, 2, out=out)
with torch.no_grad():
    report(torch.mul(x, 2, out=out) is out, out, out._version)

# --- increment_version
x = leaf(1.0, 2.0)
y = x.exp()
torch.autograd.graph.increment_version(y)
report(y._version)
with attempt():
    y.sum().backward()
