"""autograd.Function: setup_context, higher orders, hooks, and backward inside backward."""
# ruff: noqa: F821


# --- setup_context
class Cube(torch.autograd.Function):
    @staticmethod
    def forward(x, power):
        return x**power

    @staticmethod
    def setup_context(ctx, inputs, output):
        x, ctx.power = inputs
        ctx.save_for_backward(x)
        report(torch.is_grad_enabled(), output.requires_grad)

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * ctx.power * x ** (ctx.power - 1), None


x = leaf(1.0, 2.0)
Cube.apply(x, 3).sum().backward()
report(x.grad)


# --- vjp_in_place_of_backward
class Double(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def vjp(ctx, g):
        return g * 2


x = leaf(1.0)
Double.apply(x).backward()
report(x.grad)


# --- vjp_and_backward
class Double(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def vjp(ctx, g):
        return g * 2

    @staticmethod
    def backward(ctx, g):
        return g * 2


with attempt():
    Double.apply(leaf(1.0)).backward()


# --- keyword_arguments
class Double(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, factor=2):
        return x * factor

    @staticmethod
    def backward(ctx, g):
        return g


with attempt():
    report(Double.apply(leaf(1.0), factor=3))
with attempt():
    Double.apply(x=leaf(1.0))


# --- tensors_inside_containers
class Sum(torch.autograd.Function):
    @staticmethod
    def forward(ctx, parts, x):
        return parts[0] + x

    @staticmethod
    def backward(ctx, g):
        return None, g


a, x = leaf(1.0), leaf(2.0)
y = Sum.apply([a], x)
report(graph(y))
y.backward()
report(a.grad, x.grad)


# --- the_same_input_twice
class Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, y):
        ctx.save_for_backward(x, y)
        return x * y

    @staticmethod
    def backward(ctx, g):
        x, y = ctx.saved_tensors
        return g * y, g * x


x = leaf(1.0, 2.0)
Product.apply(x, x).sum().backward()
report(x.grad)


# --- double_backward
class Cube(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, g):
        return g * 3 * ctx.saved_tensors[0] ** 2


x = leaf(1.0, 2.0)
(g,) = torch.autograd.grad(Cube.apply(x).sum(), x, create_graph=True)
report(g)
report(torch.autograd.grad(g.sum(), x))


# --- once_differentiable
class Cube(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, g):
        report(torch.is_grad_enabled())
        return g * 3 * ctx.saved_tensors[0] ** 2


x = leaf(1.0, 2.0)
Cube.apply(x).sum().backward()
(g,) = torch.autograd.grad(Cube.apply(x).sum(), x, create_graph=True)
report(x.grad, g.requires_grad)
with attempt():
    g.sum().backward()


# --- hooks_on_functions_nodes
class Double(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def backward(ctx, g):
        return g * 2


x = leaf(1.0, 2.0)
y = Double.apply(x)
y.grad_fn.register_hook(lambda given, taken: report(given, taken))
y.grad_fn.register_prehook(lambda taken: (taken[0] * 10,))
y.register_hook(lambda g: g + 1)
y.sum().backward()
report(x.grad)


# --- backward_inside_backward
class Solve(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, g):
        with torch.enable_grad():
            x = ctx.saved_tensors[0].detach().requires_grad_()
            (d,) = torch.autograd.grad((x**3).sum(), x)
        return g * d


x = leaf(1.0, 2.0)
Solve.apply(x).sum().backward()
report(x.grad)


# --- deep_backward_inside_backward
class Nest(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, depth):
        ctx.save_for_backward(x)
        ctx.depth = depth
        return x * 2

    @staticmethod
    def backward(ctx, g):
        if ctx.depth == 0:
            return g * 2, None
        with torch.enable_grad():
            x = ctx.saved_tensors[0].detach().requires_grad_()
            Nest.apply(x, ctx.depth - 1).sum().backward()
        return g * x.grad, None


x = leaf(1.0, 2.0)
Nest.apply(x, 20).sum().backward()
report(x.grad)


# --- node_is_not_callable_but_applies
class Double(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def backward(ctx, g):
        return g * 2


y = Double.apply(leaf(1.0, 2.0))
report(y.grad_fn.apply(torch.ones(2)))
report(repr(y.grad_fn), isinstance(y.grad_fn, torch.autograd.function.BackwardCFunction))


# --- subclasses_of_functions
class Double(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def backward(ctx, g):
        return g * 2


class Loud(Double):
    @staticmethod
    def backward(ctx, g):
        report("loud")
        return Double.backward(ctx, g)


x = leaf(1.0)
y = Loud.apply(x)
report(graph(y))
y.backward()
report(x.grad)


# --- ctx_kept_gradients_of_freed_graphs
class Keep(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.kept = x.detach() * 3
        return x * 3

    @staticmethod
    def backward(ctx, g):
        report(ctx.kept)
        return g * 3


x = leaf(1.0)
y = Keep.apply(x)
y.backward()
y.backward()
report(x.grad)


# --- complex_function
class Turn(torch.autograd.Function):
    @staticmethod
    def forward(ctx, z):
        return z * 1j

    @staticmethod
    def backward(ctx, g):
        return g * -1j


z = leaf(1 + 2j, 3j, dtype=torch.complex64)
y = Turn.apply(z)
(y.real * 2 + y.imag).sum().backward()
report(z.grad)
