"""autograd.Function: gradients, arguments and outputs, and every error."""
# ruff: noqa: F821


# --- basic
class Cube(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * 3 * x**2


x = leaf(1.0, 2.0)
y = Cube.apply(x)
report(y, graph(y), y.grad_fn.saved_tensors, type(y.grad_fn).__name__, y.grad_fn.name())
y.sum().backward()
report(x.grad)


# --- grad_mode_inside
class Look(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        report(torch.is_grad_enabled(), x.requires_grad, (x * 2).requires_grad)
        return x * 2

    @staticmethod
    def backward(ctx, g):
        report(torch.is_grad_enabled(), g.requires_grad)
        return g * 2


x = leaf(1.0, 2.0)
Look.apply(x).sum().backward()
torch.autograd.grad(Look.apply(x).sum(), x, create_graph=True)


# --- no_input_needs_a_gradient
class Double(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        report(ctx.needs_input_grad)
        return x * 2

    @staticmethod
    def backward(ctx, g):
        return g * 2


report(Double.apply(torch.ones(2)))
with torch.no_grad():
    report(Double.apply(leaf(1.0)))


# --- needs_input_grad
class Add(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, y, factor):
        report(ctx.needs_input_grad)
        return x + y * factor

    @staticmethod
    def backward(ctx, g):
        report(ctx.needs_input_grad)
        return g, None, None


x = leaf(1.0, 2.0)
y = Add.apply(x, torch.ones(2), 3)
report(graph(y))
y.sum().backward()
report(x.grad)


# --- too_few_gradients
class Add(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, y):
        return x + y

    @staticmethod
    def backward(ctx, g):
        return g


with attempt():
    Add.apply(leaf(1.0), leaf(2.0)).backward()


# --- too_many_gradients
class Double(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def backward(ctx, g):
        return g * 2, g


with attempt():
    Double.apply(leaf(1.0)).backward()


# --- trailing_none_gradients
class Double(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def backward(ctx, g):
        return g * 2, None, None


x = leaf(1.0)
Double.apply(x).backward()
report(x.grad)


# --- gradient_for_a_number
class Scale(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, factor):
        return x * factor

    @staticmethod
    def backward(ctx, g):
        return g, g


with attempt():
    Scale.apply(leaf(1.0), 2.0).backward()


# --- gradient_of_wrong_shape
class Double(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def backward(ctx, g):
        return torch.ones(3)


with attempt():
    Double.apply(leaf(1.0, 2.0)).sum().backward()


# --- gradient_that_broadcasts
class Double(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def backward(ctx, g):
        return torch.ones(4, 2)


x = leaf(1.0, 2.0)
Double.apply(x).sum().backward()
report(x.grad)


# --- gradient_of_wrong_type
class Double(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def backward(ctx, g):
        return 2.0


with attempt():
    Double.apply(leaf(1.0)).backward()


# --- gradient_of_other_dtype
class Double(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def backward(ctx, g):
        return g.double()


x = leaf(1.0, 2.0)
Double.apply(x).sum().backward()
report(x.grad)


# --- none_gradient
class Double(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def backward(ctx, g):
        return None


x = leaf(1.0)
Double.apply(x).backward()
report(x.grad)
with attempt():
    torch.autograd.grad(Double.apply(x), x)
report(torch.autograd.grad(Double.apply(x), x, allow_unused=True))


# --- forward_missing
class Nothing(torch.autograd.Function):
    pass


with attempt():
    Nothing.apply(leaf(1.0))


# --- backward_missing
class Half(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x / 2


y = Half.apply(leaf(1.0))
report(y)
with attempt():
    y.backward()


# --- forward_not_static
class Old(torch.autograd.Function):
    def forward(self, x):
        return x

    def backward(self, g):
        return g


with attempt():
    Old()(leaf(1.0))


# --- instance
class Double(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2


with attempt():
    Double()


# --- forward_raises
class Fails(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        raise ValueError("in forward")


x = leaf(1.0)
with attempt():
    Fails.apply(x)
report(torch.is_grad_enabled(), (x * 2).requires_grad)


# --- backward_raises
class Fails(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def backward(ctx, g):
        raise ValueError("in backward")


x = leaf(1.0)
with attempt():
    Fails.apply(x).backward()
report(torch.is_grad_enabled(), x.grad)
(x * 3).backward()
report(x.grad)


# --- forward_returns_no_tensor
class Text(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return "text"

    @staticmethod
    def backward(ctx, g):
        return g


with attempt():
    report(Text.apply(leaf(1.0)))


# --- forward_returns_tensors_and_others
class Mixed(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2, "text", None, 5

    @staticmethod
    def backward(ctx, g, *others):
        report(others)
        return g * 2


x = leaf(1.0)
found = Mixed.apply(x)
report(found)
found[0].backward()
report(x.grad)


# --- forward_returns_a_list
class Listed(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return [x * 2, x * 3]

    @staticmethod
    def backward(ctx, *gs):
        return gs[0]


with attempt():
    found = Listed.apply(leaf(1.0))
    report(type(found).__name__, found)
