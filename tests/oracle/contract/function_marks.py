"""autograd.Function: several outputs, marks, and what ctx keeps."""
# ruff: noqa: F821


# --- several_outputs
class Pair(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2, x * 3

    @staticmethod
    def backward(ctx, g, h):
        report(g, h)
        return g * 2 + h * 3


x = leaf(1.0, 2.0)
a, b = Pair.apply(x)
report(a, b)
a.sum().backward(retain_graph=True)
b.sum().backward()
report(x.grad)


# --- unused_outputs_not_materialised
class Pair(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.set_materialize_grads(False)
        return x * 2, x * 3

    @staticmethod
    def backward(ctx, g, h):
        report(g, h)
        return g * 2


x = leaf(1.0, 2.0)
Pair.apply(x)[0].sum().backward()
report(x.grad)


# --- integer_output
class Places(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.sort()

    @staticmethod
    def backward(ctx, g, h):
        report(g, h)
        return g


x = leaf(2.0, 1.0)
with attempt():
    values, places = Places.apply(x)
    report(values, places)
    values.sum().backward()


# --- mark_non_differentiable
class Pair(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        mask = (x > 1).float()
        ctx.mark_non_differentiable(mask)
        return x * 2, mask

    @staticmethod
    def backward(ctx, g, h):
        report(g, h)
        return g * 2


x = leaf(1.0, 2.0)
y, mask = Pair.apply(x)
report(y, mask)
y.sum().backward()
report(x.grad)


# --- mark_dirty
class Twice(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        x.mul_(2)
        ctx.mark_dirty(x)
        return x

    @staticmethod
    def backward(ctx, g):
        return g * 2


x = leaf(1.0, 2.0)
h = x * 1
y = Twice.apply(h)
report(y is h, y, y._version, graph(y))
y.sum().backward()
report(x.grad)


# --- mark_dirty_of_a_leaf
class Twice(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        x.mul_(2)
        ctx.mark_dirty(x)
        return x

    @staticmethod
    def backward(ctx, g):
        return g * 2


x = leaf(1.0, 2.0)
with attempt():
    Twice.apply(x)
c = torch.ones(2)
report(Twice.apply(c) is c, c, c._version)


# --- mark_dirty_of_a_view
class Twice(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        x.mul_(2)
        ctx.mark_dirty(x)
        return x

    @staticmethod
    def backward(ctx, g):
        return g * 2


x = leaf(1.0, 2.0)
h = x * 1
view = h[:1]
Twice.apply(view)
report(h, view)
h.sum().backward()
report(x.grad)


# --- mark_dirty_but_not_returned
class Twice(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        x.mul_(2)
        ctx.mark_dirty(x)
        return x + 1

    @staticmethod
    def backward(ctx, g):
        return g * 2


x = leaf(1.0, 2.0)
with attempt():
    Twice.apply(x * 1)


# --- changed_in_place_without_a_mark
class Twice(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        x.mul_(2)
        return x

    @staticmethod
    def backward(ctx, g):
        return g * 2


x = leaf(1.0, 2.0)
h = x * 1
y = Twice.apply(h)
report(y, h, h._version)


# --- save_for_backward_of_a_non_tensor
class Cube(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x, 3)
        return x**3

    @staticmethod
    def backward(ctx, g):
        return g


with attempt():
    Cube.apply(leaf(1.0))


# --- save_for_backward_of_none_and_outputs
class Exp(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        y = x.exp()
        ctx.save_for_backward(None, y)
        return y

    @staticmethod
    def backward(ctx, g):
        nothing, y = ctx.saved_tensors
        report(nothing, y)
        return g * y


x = leaf(1.0, 2.0)
y = Exp.apply(x)
report(torch.autograd.grad(y.sum(), x, create_graph=True))


# --- saved_tensors_after_release
class Cube(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, g):
        return g * 3 * ctx.saved_tensors[0] ** 2


y = Cube.apply(leaf(1.0, 2.0)).sum()
y.backward()
with attempt():
    y.backward()


# --- saved_input_changed_in_place
class Cube(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, g):
        return g * 3 * ctx.saved_tensors[0] ** 2


x = leaf(1.0, 2.0)
h = x * 1
y = Cube.apply(h).sum()
h.add_(1)
with attempt():
    y.backward()


# --- saved_output_changed_in_place
class Exp(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        y = x.exp()
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, g):
        return g * ctx.saved_tensors[0]


x = leaf(1.0, 2.0)
y = Exp.apply(x)
y.detach().add_(1)
with attempt():
    y.sum().backward()


# --- attributes_of_ctx
class Scale(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, factor):
        ctx.factor = factor
        ctx.shape = x.shape
        return x * factor

    @staticmethod
    def backward(ctx, g):
        report(ctx.factor)
        return g * ctx.factor, None


x = leaf(1.0, 2.0)
y = Scale.apply(x, 5)
report(y.grad_fn.factor)
y.sum().backward()
report(x.grad)
