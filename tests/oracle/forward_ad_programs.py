"""Forward mode: levels, duals, what carries tangents and what drops them, Functions with jvp, forward over reverse."""
# ruff: noqa: F821

# --- names_of_the_module
import torch.autograd.forward_ad as fw

report(sorted(fw.__all__), fw.UnpackedDualTensor._fields, fw.UnpackedDualTensor.__name__)

# --- a_dual_and_its_parts
fw = torch.autograd.forward_ad
x, t = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([1.0, 0.0, -1.0])
with fw.dual_level() as number:
    dual = fw.make_dual(x, t)
    made = fw.unpack_dual(dual)
    report(number, type(made).__name__, made.primal, made.tangent is t, made.primal is x, dual is x, dual._is_view())
    print(dual, fw.unpack_dual(x), fw.unpack_dual(dual * 2))
    print(repr(fw.make_dual(torch.ones(4, 6, dtype=torch.float64), torch.full((4, 6), 2.0, dtype=torch.float64)) * 3))
report(dual, fw.unpack_dual(dual).tangent)

# --- level_errors
fw = torch.autograd.forward_ad
with attempt():
    fw.make_dual(torch.ones(2), torch.ones(2))
with attempt():
    fw.exit_dual_level()
with attempt():
    fw.exit_dual_level(level=3)
report(fw.unpack_dual(torch.ones(2)).tangent)
report(fw.enter_dual_level())
with attempt():
    fw.enter_dual_level()
with attempt():
    with fw.dual_level():
        report("never")
with attempt():
    fw.exit_dual_level(level=5)
with attempt():
    fw.make_dual(torch.ones(2), torch.ones(2), level=1)
with attempt():
    fw.make_dual(torch.ones(2), torch.ones(2), level=-3)
with attempt():
    fw.unpack_dual(torch.ones(2), level=3)
report(fw.unpack_dual(torch.ones(2), level=-3).tangent, fw.unpack_dual(torch.ones(2), level=0).tangent)
with attempt():
    fw.unpack_dual(3.0)
report(fw.exit_dual_level())
with fw.dual_level():
    fw.exit_dual_level(level=0)
    fw.enter_dual_level()

# --- make_dual_errors
fw = torch.autograd.forward_ad
x = torch.ones(3)
with fw.dual_level():
    dual = fw.make_dual(x, x)
    with attempt():
        fw.make_dual(dual, x)
    with attempt():
        fw.make_dual(x, torch.ones(2))
    with attempt():
        fw.make_dual(torch.arange(3), x)
    with attempt():
        fw.make_dual(x, torch.arange(3))
    with attempt():
        fw.make_dual(3.0, x)
    with attempt():
        fw.make_dual(x, None)
    report(fw.unpack_dual(fw.make_dual(x, x.double())).tangent)

# --- a_decorated_function
fw = torch.autograd.forward_ad


@fw.dual_level()
def slope(x):
    return fw.unpack_dual(fw.make_dual(x, torch.ones(2)) ** 3).tangent


report(slope(torch.tensor([1.0, 2.0])), slope(torch.tensor([2.0, 3.0])), slope.__name__)

# --- a_level_ends_by_an_exception
fw = torch.autograd.forward_ad
with attempt():
    with fw.dual_level():
        dual = fw.make_dual(torch.ones(2), torch.ones(2))
        raise ValueError("inside")
report(fw.unpack_dual(dual).tangent, dual * 2)
with fw.dual_level():
    report(fw.unpack_dual(dual).tangent, fw.unpack_dual(dual * 2).tangent)

# --- what_carries_a_tangent
fw = torch.autograd.forward_ad
x, t = torch.tensor([[1.0, -2.0, 3.0], [4.0, 5.5, -6.0]]), torch.tensor([[1.0, 2.0, -1.0], [0.5, -3.0, 2.0]])
y = torch.tensor([2.0, 3.0, 4.0])
functions = [
    lambda d: d * 2, lambda d: 2 * d, lambda d: 3 - d, lambda d: 1 / d, lambda d: d / 4, lambda d: d**2, lambda d: 2**d,
    lambda d: d * y, lambda d: y - d, lambda d: d @ y, lambda d: d.T @ d, lambda d: d.sum(0), lambda d: d.mean(),
    lambda d: d.max(), lambda d: d.max(1).values, lambda d: d.sort(1).values, lambda d: d.topk(2, 1).values,
    lambda d: d.softmax(1), lambda d: d.log_softmax(0), lambda d: d.logsumexp(1), lambda d: d.var(1), lambda d: d.norm(),
    lambda d: d.prod(), lambda d: d.cumsum(1), lambda d: d.abs(), lambda d: d.relu(), lambda d: d.clamp(-1, 4),
    lambda d: d.floor(), lambda d: d.round(), lambda d: d.sign(), lambda d: d.reshape(3, 2), lambda d: d.t().reshape(-1),
    lambda d: d[0], lambda d: d[:, 1:], lambda d: d[torch.tensor([1, 0, 1])], lambda d: d[d > 0], lambda d: d.permute(1, 0),
    lambda d: d.unsqueeze(0).expand(2, 2, 3), lambda d: torch.cat([d, x]), lambda d: torch.stack([x, d], 1),
    lambda d: d.split(2, 1)[0], lambda d: d.chunk(3, 1)[2], lambda d: d.unbind(0)[1], lambda d: torch.where(d > 0, d, y),
    lambda d: d.masked_fill(d > 0, 7.0), lambda d: d.gather(1, torch.tensor([[0, 0], [2, 1]])), lambda d: d.flip(0),
    lambda d: d.roll(1, 1), lambda d: d.tril(), lambda d: torch.nn.functional.pad(d, (1, 1), value=5.0), lambda d: d.clone(),
    lambda d: d.contiguous(), lambda d: d.double(), lambda d: d.to(torch.float64), lambda d: d.to("cpu"), lambda d: d.repeat(2, 1),
    lambda d: torch.nn.functional.linear(d, x, y[:2]), lambda d: torch.nn.functional.layer_norm(d, (3,), y, y),
    lambda d: torch.nn.functional.gelu(d), lambda d: torch.nn.functional.mse_loss(d, x), lambda d: torch.addmm(y[:2], d, d.T),
    lambda d: torch.nn.functional.cross_entropy(d, torch.tensor([0, 2])), lambda d: torch.outer(d[0], y), lambda d: d.diagonal(),
    lambda d: torch.nn.functional.conv1d(d.unsqueeze(0), torch.ones(1, 2, 2), y[:1]), lambda d: d.index_add(0, torch.tensor([0]), d[1:]),
    lambda d: torch.maximum(d, y), lambda d: torch.lerp(d, x, 0.25), lambda d: d.narrow(1, 0, 2), lambda d: d.std(),
]  # fmt: skip
with fw.dual_level():
    for number, function in enumerate(functions):
        made = fw.unpack_dual(function(fw.make_dual(x, t)))
        report(number, made.primal, made.tangent)

# --- what_drops_it
fw = torch.autograd.forward_ad
x, t = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([1.0, 0.0, -1.0])
functions = [
    lambda d: d.detach(), lambda d: d.data, lambda d: d.argmax(), lambda d: d > 1, lambda d: d.int(), lambda d: torch.zeros_like(d),
    lambda d: torch.ones_like(d), lambda d: d.new_zeros(2), lambda d: d.max(0).indices, lambda d: d.isnan(),
    lambda d: __import__("copy").deepcopy(d), lambda d: torch.nn.Parameter(d).detach(),
]  # fmt: skip
with fw.dual_level():
    dual = fw.make_dual(x, t)
    for number, function in enumerate(functions):
        made = function(dual)
        report(number, made, fw.unpack_dual(made).tangent)
    report(
        dual.tolist(),
        dual.numpy().tolist(),
        float(dual[1]),
        bool((dual > 0).all()),
        len(dual),
        dual.shape,
        str(dual.dtype),
    )
    with torch.inference_mode():
        report(fw.unpack_dual(dual * 2).tangent)
    with torch.no_grad():
        report(fw.unpack_dual(dual * 2).tangent)

# --- in_place
fw = torch.autograd.forward_ad
x, t = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([1.0, 5.0, -1.0])
with fw.dual_level():
    dual = fw.make_dual(x.clone(), t.clone())
    tangent = fw.unpack_dual(dual).tangent
    report(dual.mul_(2) is dual, fw.unpack_dual(dual).tangent is tangent, tangent)
    for function in (
        lambda d: d.add_(1), lambda d: d.exp_(), lambda d: d.div_(4), lambda d: d.copy_(x), lambda d: d.fill_(2.0), lambda d: d.zero_(),
        lambda d: d.clamp_(max=2), lambda d: d.sub_(fw.make_dual(x, t)), lambda d: d.masked_fill_(x > 1, 0.0), lambda d: d.unsqueeze_(0),
        lambda d: d.index_add_(0, torch.tensor([0, 0, 1]), fw.make_dual(x, t)),
    ):  # fmt: skip
        made = fw.unpack_dual(function(fw.make_dual(x.clone(), t.clone())))
        report(made.primal, made.tangent)
    plain = torch.zeros(3)
    plain.add_(fw.make_dual(x, t))
    report(fw.unpack_dual(plain).tangent)

# --- in_place_through_views
fw = torch.autograd.forward_ad
x, t = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([1.0, 5.0, -1.0])
with fw.dual_level():
    base = torch.zeros(2, 3)
    row = base[0]
    base[1] = fw.make_dual(x, t)
    report(fw.unpack_dual(base).tangent, fw.unpack_dual(row).tangent, fw.unpack_dual(base[1]).tangent)
    row.add_(fw.make_dual(x, t))
    report(base.detach(), fw.unpack_dual(base).tangent, fw.unpack_dual(base * base).tangent)
    dual = fw.make_dual(torch.ones(2, 3), torch.ones(2, 3))
    part = dual[:, 1]
    part.mul_(4)
    report(fw.unpack_dual(dual).tangent, fw.unpack_dual(part).tangent)
    dual[0, 0] = 9.0
    dual[torch.tensor([1]), torch.tensor([2])] = fw.make_dual(x, t)[2]
    report(dual.detach(), fw.unpack_dual(dual).tangent)

# --- in_place_with_history
fw = torch.autograd.forward_ad
x, t = leaf(1.0, 2.0, 3.0), torch.tensor([1.0, 5.0, -1.0])
with fw.dual_level():
    y = fw.make_dual(x, t) * 1
    y[0] = 7.0
    y.mul_(y.sin())
    with attempt():
        torch.autograd.grad((y * y).sum(), x)
    y = fw.make_dual(x, t) * 1
    y[0] = 7.0
    y.mul_(3).sin_()
    total = (y * y).sum()
    (g,) = torch.autograd.grad(total, x)
    report(fw.unpack_dual(total).tangent, g.detach(), fw.unpack_dual(g).tangent)

# --- out_is_refused
fw = torch.autograd.forward_ad
with fw.dual_level():
    dual = fw.make_dual(torch.ones(3), torch.ones(3))
    with attempt():
        torch.mul(dual, 2, out=torch.zeros(3))
    with attempt():
        torch.exp(torch.ones(3), out=dual)
    with attempt():
        torch.add(dual, 1, out=dual)

# --- complex_tangents
fw = torch.autograd.forward_ad
x = torch.tensor([1.0 + 2.0j, -0.5 + 1.0j])
t = torch.tensor([0.5 - 1.0j, 2.0 + 1.0j])
y = torch.tensor([2.0, 3.0])
with fw.dual_level():
    dual = fw.make_dual(x, t)
    for function in (
        lambda d: d * d, lambda d: d.exp(), lambda d: d.abs(), lambda d: d.conj() * 2, lambda d: d.real, lambda d: d.imag * 3,
        lambda d: d * y, lambda d: d / y, lambda d: 1 / d, lambda d: d.sum(), lambda d: torch.dot(d, d), lambda d: d.sin(),
        lambda d: (d * d.conj()).real.sum(), lambda d: d**2, lambda d: d.prod(),
    ):  # fmt: skip
        report(fw.unpack_dual(function(dual)).tangent)

# --- tangents_have_gradients
fw = torch.autograd.forward_ad
x, t = leaf(1.0, 2.0, 3.0), leaf(1.0, 5.0, -1.0)
with fw.dual_level():
    made = fw.unpack_dual((fw.make_dual(x, t) ** 3).sum().exp() / 1000)
    report(*(g.detach() for g in torch.autograd.grad(made.tangent, (x, t), retain_graph=True)))
    report(torch.autograd.grad(made.primal, x)[0].detach())

# --- forward_over_reverse
fw = torch.autograd.forward_ad
x, t = leaf(1.0, 2.0, 3.0), torch.tensor([1.0, 5.0, -1.0])
for create_graph in (False, True):
    with fw.dual_level():
        dual = fw.make_dual(x, t)
        y = (dual.sin() * dual).prod() + dual.log().sum() / 3
        (g,) = torch.autograd.grad(y, x, create_graph=create_graph)
        made = fw.unpack_dual(g)
        report(made.primal.detach(), made.tangent.detach(), made.tangent.requires_grad)
        if create_graph:
            report(torch.autograd.grad(made.tangent.sum(), x)[0].detach())

# --- forward_over_reverse_of_the_dual_itself
fw = torch.autograd.forward_ad
x, t = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([1.0, 5.0, -1.0])
with fw.dual_level():
    dual = fw.make_dual(x, t).requires_grad_()
    (g,) = torch.autograd.grad((dual**3).sum(), dual)
    report(g.detach(), fw.unpack_dual(g).tangent, dual.is_leaf, dual.requires_grad)
    y = leaf(2.0, 2.0, 2.0)
    (fw.make_dual(y, t) ** 3).sum().backward()
    report(y.grad, fw.unpack_dual(y.grad).tangent)

# --- backward_after_the_level
fw = torch.autograd.forward_ad
x, t = leaf(1.0, 2.0, 3.0), torch.tensor([1.0, 5.0, -1.0])
with fw.dual_level():
    dual = fw.make_dual(x, t)
    y = (dual * dual.exp()).sum()
y.backward()
report(x.grad, fw.unpack_dual(y).tangent)

# --- a_module
fw = torch.autograd.forward_ad
layer = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Tanh(), torch.nn.Linear(2, 1))
with torch.no_grad():
    for i, p in enumerate(layer.parameters()):
        p.copy_(torch.arange(p.numel()).reshape(p.shape) * 0.1 - 0.2 * i)
x = torch.tensor([[1.0, 2.0, 3.0], [0.5, -1.0, 2.0]])
with fw.dual_level():
    made = fw.unpack_dual(layer(fw.make_dual(x, torch.ones(2, 3))))
    report(made.primal.detach(), made.tangent.detach())
    first = layer[0]
    weight = first.weight.detach()
    del first.weight
    first.weight = fw.make_dual(weight, torch.ones(2, 3))
    report(fw.unpack_dual(layer(x)).tangent.detach())

# --- function_with_jvp
fw = torch.autograd.forward_ad


class Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, y, scale):
        ctx.save_for_forward(x, y)
        ctx.save_for_backward(x, y)
        ctx.scale = scale
        return x * y * scale, x + y

    @staticmethod
    def backward(ctx, g, h):
        x, y = ctx.saved_tensors
        return g * y * ctx.scale + h, g * x * ctx.scale + h, None

    @staticmethod
    def jvp(ctx, t, u, scale):
        x, y = ctx.saved_tensors
        report(t, u, scale, fw.unpack_dual(x).tangent, torch.is_grad_enabled(), ctx.needs_input_grad)
        return (t * y + x * u) * ctx.scale, t + u


x, t, y = torch.tensor([1.0, 2.0]), torch.tensor([3.0, -1.0]), torch.tensor([0.5, 4.0])
with fw.dual_level():
    for arguments in (
        (fw.make_dual(x, t), y),
        (y, fw.make_dual(x, t)),
        (fw.make_dual(x, t), fw.make_dual(y, t)),
        (x, y),
    ):
        for made in Product.apply(*arguments, 2.0):
            report(fw.unpack_dual(made).primal, fw.unpack_dual(made).tangent)
    r = leaf(1.0, 2.0)
    p, s = Product.apply(fw.make_dual(r, t), y, 2.0)
    (g,) = torch.autograd.grad((p * p + s).sum(), r)
    report(g.detach(), fw.unpack_dual(g).tangent)

# --- function_errors
fw = torch.autograd.forward_ad


class Without(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def backward(ctx, g):
        return g * 2


class With(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def jvp(ctx, t):
        return With.answer(t)


x, t = torch.ones(3), torch.ones(3)
with fw.dual_level():
    dual = fw.make_dual(x, t)
    with attempt():
        Without.apply(dual)
    report(Without.apply(x))
    for answer in (
        lambda t: (t, t), lambda t: 3.0, lambda t: t[:2], lambda t: t.double(), lambda t: (t,), lambda t: (), lambda t: [t],
        lambda t: t.expand(2, 3), lambda t: t * 2,
    ):  # fmt: skip
        With.answer = staticmethod(answer)
        with attempt():
            report(fw.unpack_dual(With.apply(dual)).tangent)
with attempt():
    With.jvp()
with attempt():
    torch.autograd.Function.jvp(None, x)

# --- function_views_and_in_place
fw = torch.autograd.forward_ad


class View(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.view_as(x) if View.as_view else x

    @staticmethod
    def jvp(ctx, t):
        return View.answer(t)


class Tripled(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.mark_dirty(x)
        return x.mul_(3)

    @staticmethod
    def jvp(ctx, t):
        return t.mul_(3) if Tripled.right else t * 3


x, t = torch.ones(3), torch.tensor([1.0, 2.0, 3.0])
with fw.dual_level():
    for View.as_view in (True, False):
        for answer in (lambda t: t.view_as(t), lambda t: t.clone(), lambda t: t):
            View.answer = staticmethod(answer)
            with attempt():
                report(fw.unpack_dual(View.apply(fw.make_dual(x, t))).tangent)
    for Tripled.right in (True, False):
        dual = fw.make_dual(x.clone(), t.clone())
        with attempt():
            report(Tripled.apply(dual) is dual, dual.detach(), fw.unpack_dual(dual).tangent)

# --- function_outputs_without_gradient
fw = torch.autograd.forward_ad


class Three(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        flags, twice = x > 0, x * 2
        ctx.mark_non_differentiable(flags, twice)
        return x * 3, twice, flags

    @staticmethod
    def jvp(ctx, t):
        return Three.answer(t)


x, t = torch.ones(3), torch.tensor([1.0, 2.0, 3.0])
with fw.dual_level():
    for answer in (lambda t: (t * 3, t, None), lambda t: (t * 3, None, None), lambda t: t * 3):
        Three.answer = staticmethod(answer)
        with attempt():
            report([fw.unpack_dual(made).tangent for made in Three.apply(fw.make_dual(x, t))])

# --- function_materializes
fw = torch.autograd.forward_ad


class Sum(torch.autograd.Function):
    @staticmethod
    def forward(x, y):
        return x * 2 + y

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.set_materialize_grads(Sum.materialize)
        ctx.save_for_forward(output, None, inputs[0])

    @staticmethod
    def jvp(ctx, t, u):
        report(t, u, ctx.saved_tensors[1], ctx.saved_tensors[0].detach(), ctx.saved_tensors[2].detach())
        return t * 2


with fw.dual_level():
    for Sum.materialize in (True, False):
        made = Sum.apply(fw.make_dual(torch.ones(2), torch.ones(2)), torch.ones(2))
        report(fw.unpack_dual(made).tangent)
