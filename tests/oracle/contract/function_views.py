"""Views made in a Function, as_strided, and other layouts."""
# ruff: noqa: F821


# --- function_that_returns_a_view
class Row(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x[0]

    @staticmethod
    def backward(ctx, g):
        return torch.stack([g, torch.zeros_like(g)])


x = leaf([[1.0, 2.0], [3.0, 4.0]])
row = Row.apply(x * 1)
report(row, row._is_view())
row.sum().backward()
report(x.grad)


# --- in_place_on_a_functions_view
class Whole(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.view_as(x)

    @staticmethod
    def backward(ctx, g):
        return g * 10


x = leaf(1.0, 2.0)
y = Whole.apply(x * 1)
report(y, y._is_view())
with attempt():
    y.mul_(2)
y.sum().backward()
report(x.grad)


# --- write_to_the_base_of_a_functions_view
class Whole(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.view_as(x)

    @staticmethod
    def backward(ctx, g):
        return g * 10


x = leaf(1.0, 2.0)
base = x * 1
y = Whole.apply(base)
base.mul_(2)
with attempt():
    y.sum().backward()
report(base)


# --- in_place_on_an_input_a_function_returned
class Same(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x

    @staticmethod
    def backward(ctx, g):
        return g * 10


x = leaf(1.0, 2.0)
h = x * 1
y = Same.apply(h)
report(y is h, y, y._is_view(), graph(y))
with attempt():
    y.mul_(2)
y.sum().backward()
report(x.grad)


# --- function_returns_its_leaf_input
class Same(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x

    @staticmethod
    def backward(ctx, g):
        return g * 10


x = leaf(1.0, 2.0)
y = Same.apply(x)
report(y is x, y, graph(y))
y.sum().backward()
report(x.grad)
with attempt():
    y.add_(1)


# --- in_place_on_a_functions_fresh_output
class Double(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def backward(ctx, g):
        return g * 2


x = leaf(1.0, 2.0)
y = Double.apply(x)
y.mul_(3)
report(y, graph(y), y._is_view())
y.sum().backward()
report(x.grad)


# --- in_place_on_one_of_several_function_outputs
class Pair(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2, x * 3

    @staticmethod
    def backward(ctx, g, h):
        return g * 2 + h * 3


x = leaf(1.0, 2.0)
a, b = Pair.apply(x)
report(graph(a), graph(b))
a.mul_(10)
(a + b).sum().backward()
report(x.grad)


# --- several_function_outputs_that_are_views
class Halves(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x[:1], x[1:]

    @staticmethod
    def backward(ctx, g, h):
        return torch.cat([g, h])


x = leaf(1.0, 2.0)
a, b = Halves.apply(x * 1)
report(a, b)
with attempt():
    a.mul_(10)
(a * 2 + b).sum().backward()
report(x.grad)

# --- as_strided
x = leaf(1.0, 2.0, 3.0, 4.0)
y = x.as_strided((2, 2), (1, 2))
report(y, graph(y), y.stride(), y._base is x)
(y * torch.tensor([[1.0, 2.0], [3.0, 4.0]])).sum().backward()
report(x.grad)

# --- as_strided_with_overlap
x = leaf(1.0, 2.0, 3.0, 4.0)
windows = x.as_strided((3, 2), (1, 1))
report(windows)
windows.sum().backward()
report(x.grad)

# --- as_strided_with_offset
x = leaf(1.0, 2.0, 3.0, 4.0)
y = (x * 1).as_strided((2,), (2,), 1)
report(y, y.storage_offset())
y.sum().backward()
report(x.grad)
with attempt():
    x.as_strided((5,), (1,))

# --- in_place_on_as_strided
x = leaf(1.0, 2.0, 3.0, 4.0)
y = x * 1
view = y.as_strided((2,), (2,))
view.mul_(10)
report(y, graph(view))
(y * y).sum().backward()
report(x.grad)

# --- unfold
x = leaf(1.0, 2.0, 3.0, 4.0)
y = x.unfold(0, 2, 1)
report(y, y._is_view())
y.sum().backward()
report(x.grad)

# --- expand_and_its_gradient
x = leaf([[1.0], [2.0]])
y = x.expand(2, 3)
report(y, y.stride(), graph(y))
y.sum().backward()
report(x.grad)

# --- views_of_expanded_views
x = leaf([[1.0], [2.0]])
y = x.expand(3, 2, 2).transpose(0, 1)[1]
report(y, y.stride())
(y * torch.arange(6.0).reshape(3, 2)).sum().backward()
report(x.grad)

# --- reshape_view_or_copy
x = leaf([[1.0, 2.0], [3.0, 4.0]])
report(graph(x.reshape(4)), x.t().reshape(4), x.reshape(4)._is_view(), x.t().reshape(4)._is_view())
with attempt():
    x.t().view(4)

# --- diagonal_written_to
x = leaf([[1.0, 2.0], [3.0, 4.0]])
y = x * 1
y.diagonal().mul_(10)
report(y)
(y * y).sum().backward()
report(x.grad)
