"""Functions that return several views of one tensor."""
# ruff: noqa: B018, F821

# --- unbind
x = leaf([[1.0, 2.0], [3.0, 4.0]])
a, b = x.unbind(0)
report(a, b, graph(b), a.grad_fn is b.grad_fn, a._base is x, b.stride(), b.storage_offset())
(a * 2 + b * b).sum().backward()
report(x.grad)

# --- chunk
x = leaf(1.0, 2.0, 3.0, 4.0, 5.0)
parts = x.chunk(2)
report(parts, graph(parts[1]), [p._is_view() for p in parts])
parts[1].sum().backward()
report(x.grad)

# --- split
x = leaf(1.0, 2.0, 3.0, 4.0, 5.0)
parts = x.split(2)
report(parts, graph(parts[2]))
parts = x.split([1, 4])
report(parts, graph(parts[1]))
(parts[0] * parts[1].sum()).sum().backward()
report(x.grad)

# --- iteration
x = leaf([[1.0, 2.0], [3.0, 4.0]])
report([graph(row) for row in x])
first, second = x
report(second)

# --- in_place_on_one_of_several_views
x = leaf(1.0, 2.0)
y = x * 1
for parts in (y.unbind(), y.chunk(2), y.split(1)):
    with attempt():
        parts[0].mul_(2)
report(y, y._version)

# --- in_place_on_one_of_several_views_of_a_constant
y, w = torch.ones(2), leaf(2.0)
a, b = y.unbind()
a.add_(1)
report(y, a, a._version)
with attempt():
    a.mul_(w)

# --- in_place_on_one_of_several_views_under_no_grad
x = leaf(1.0, 2.0)
y = x * 1
a, b = y.unbind()
with torch.no_grad():
    a.mul_(5)
report(y, y._version)
with attempt():
    (a + 1).backward()

# --- in_place_on_one_of_several_views_of_a_leaf
x = leaf(1.0, 2.0)
a, b = x.unbind()
with attempt():
    a.mul_(2)
with torch.no_grad():
    b.mul_(2)
report(x)

# --- write_to_the_base_of_several_views
x = leaf(1.0, 2.0)
y = x * 1
a, b = y.unbind()
y.mul_(2)
with attempt():
    a.grad_fn
with attempt():
    (b * 2).backward()
report(a.requires_grad)

# --- use_of_a_view_that_lost_its_history
x = leaf(1.0, 2.0)
y = x * 1
a, b = y.unbind()
y.mul_(2)
with attempt():
    b * 2

# --- write_to_the_base_of_a_view_of_several
x = leaf([[1.0, 2.0], [3.0, 4.0]])
y = x * 1
corner = y.unbind()[0][:1]
y.mul_(2)
with attempt():
    (corner * 3).sum().backward()

# --- in_place_on_a_view_of_one_of_several
x = leaf([[1.0, 2.0], [3.0, 4.0]])
y = x * 1
row = y.unbind()[0]
with attempt():
    row[:1].mul_(2)
report(y)

# --- several_views_made_under_no_grad
x = leaf(1.0, 2.0)
y = x * 1
with torch.no_grad():
    a, b = y.unbind()
report(a, b)
with attempt():
    a.mul_(2)

# --- one_of_several_through_clone
x = leaf(1.0, 2.0)
a, b = (x * 1).unbind()
a = a.clone()
a.mul_(3)
(a + b).backward()
report(x.grad)

# --- only_one_of_several_is_used
x = leaf(1.0, 2.0, 3.0)
a, b, c = (x * 2).unbind()
b.backward()
report(x.grad)

# --- hooks_see_each_of_several
x = leaf(1.0, 2.0)
a, b = (x * 2).unbind()
a.register_hook(lambda g: report("a", g))
b.register_hook(lambda g: report("b", g))
(a * 3 + b * 4).backward()
report(x.grad)

# --- retain_grad_of_each_of_several
x = leaf(1.0, 2.0)
a, b = (x * 2).unbind()
a.retain_grad()
b.retain_grad()
(a * 3).backward()
report(a.grad, b.grad)

# --- results_of_sort_and_max
x = leaf([[3.0, 1.0], [2.0, 4.0]])
values, indices = x.max(1)
report(values, indices, graph(values))
values.sum().backward()
report(x.grad)
values, indices = x.sort(0)
report(values, indices)
with attempt():
    indices.requires_grad_()

# --- in_place_on_a_saved_result_of_max
x = leaf([[3.0, 1.0], [2.0, 4.0]])
values, indices = x.max(1)
indices.zero_()
with attempt():
    values.sum().backward()
