"""torch.autograd.functional: jacobian, hessian, products, and their arguments; gradcheck."""
# ruff: noqa: F821

# --- jacobian
f = torch.autograd.functional
report(f.jacobian(lambda x: x**2, torch.tensor([1.0, 2.0])))
report(f.jacobian(lambda x: x.sum(), torch.ones(2, 2)))
report(f.jacobian(lambda x: x.t() * 2, torch.ones(1, 2)).shape)

# --- jacobian_of_several
f = torch.autograd.functional
found = f.jacobian(lambda x, y: (x * y, x.sum()), (torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0])))
report(type(found).__name__, found)

# --- jacobian_with_create_graph
f = torch.autograd.functional
x = leaf(1.0, 2.0)
j = f.jacobian(lambda x: x**3, x, create_graph=True)
report(j.requires_grad, torch.autograd.grad(j.sum(), x))
report(f.jacobian(lambda x: x**3, x).requires_grad)

# --- jacobian_strict
f = torch.autograd.functional
with attempt():
    f.jacobian(lambda x: torch.ones(2), torch.ones(2), strict=True)
report(f.jacobian(lambda x: torch.ones(2), torch.ones(2)))
with attempt():
    f.jacobian(lambda x, y: x * 2, (torch.ones(1), torch.ones(1)), strict=True)

# --- jacobian_wrong_types
f = torch.autograd.functional
with attempt():
    f.jacobian(lambda x: x, [1.0])
with attempt():
    f.jacobian(lambda x: 3.0, torch.ones(1))
with attempt():
    f.jacobian(lambda x: (x, 3), torch.ones(1))

# --- hessian
f = torch.autograd.functional
report(f.hessian(lambda x: (x**3).sum(), torch.tensor([1.0, 2.0])))
report(f.hessian(lambda x, y: (x * x * y).sum(), (torch.tensor([1.0]), torch.tensor([2.0]))))

# --- hessian_needs_a_scalar
f = torch.autograd.functional
with attempt():
    f.hessian(lambda x: x**2, torch.tensor([1.0, 2.0]))
with attempt():
    f.hessian(lambda x: (x.sum(), x.sum()), torch.ones(1))

# --- vjp
f = torch.autograd.functional
report(f.vjp(lambda x: x**2, torch.tensor([1.0, 2.0]), torch.tensor([1.0, 10.0])))
report(f.vjp(lambda x: (x**2).sum(), torch.tensor([1.0, 2.0])))
with attempt():
    f.vjp(lambda x: x**2, torch.tensor([1.0, 2.0]))
with attempt():
    f.vjp(lambda x: x**2, torch.tensor([1.0, 2.0]), torch.ones(3))

# --- jvp
f = torch.autograd.functional
report(f.jvp(lambda x: x**2, torch.tensor([1.0, 2.0]), torch.tensor([1.0, 10.0])))
with attempt():
    f.jvp(lambda x: x**2, torch.tensor([1.0, 2.0]))
report(f.jvp(lambda x: x**2, torch.tensor(3.0)))

# --- vhp_and_hvp
f = torch.autograd.functional
x, v = torch.tensor([1.0, 2.0]), torch.tensor([1.0, 10.0])
report(f.vhp(lambda x: (x**3).sum(), x, v))
report(f.hvp(lambda x: (x**3).sum(), x, v))
with attempt():
    f.hvp(lambda x: x**3, x, v)

# --- strict_products
f = torch.autograd.functional
x, v = torch.tensor([1.0, 2.0]), torch.ones(2)
for product in (f.vjp, f.jvp):
    with attempt():
        product(lambda x: torch.ones(2), x, v, strict=True)
for product in (f.vhp, f.hvp):
    with attempt():
        product(lambda x: x.sum(), x, v, strict=True)
with attempt():
    f.hessian(lambda x: x.sum(), x, strict=True)

# --- products_of_several_inputs
f = torch.autograd.functional
x, y = torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0])
report(f.vjp(lambda x, y: x * y, (x, y), torch.ones(2)))
report(f.jvp(lambda x, y: x * y, (x, y), (torch.ones(2), torch.zeros(2))))
with attempt():
    f.jvp(lambda x, y: x * y, (x, y), torch.ones(2))

# --- inputs_are_left_alone
f = torch.autograd.functional
x = leaf(1.0, 2.0)
f.jacobian(lambda x: x**2, x)
report(x, x.grad)
f.hessian(lambda x: (x**2).sum(), x)
report(x.grad)

# --- products_with_create_graph
f = torch.autograd.functional
x, v = leaf(1.0, 2.0), torch.ones(2)
_, g = f.vjp(lambda x: x**3, x, v, create_graph=True)
report(torch.autograd.grad(g.sum(), x))
_, g = f.jvp(lambda x: x**3, x, v, create_graph=True)
report(torch.autograd.grad(g.sum(), x))

# --- functional_under_no_grad
f = torch.autograd.functional
with torch.no_grad():
    report(f.jacobian(lambda x: x**2, torch.tensor([1.0, 2.0])))
    report(f.vjp(lambda x: x**2, torch.tensor([1.0, 2.0]), torch.ones(2)))

# --- gradcheck
x = leaf(0.3, 0.6, dtype=torch.float64)
report(torch.autograd.gradcheck(lambda x: x.exp() * x, (x,)), torch.autograd.gradgradcheck(lambda x: x.sin(), (x,)))


# --- gradcheck_of_a_wrong_rule
class Wrong(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def backward(ctx, g):
        return g * 3


x = leaf(0.3, 0.6, dtype=torch.float64)
report(torch.autograd.gradcheck(Wrong.apply, (x,), raise_exception=False))

# --- gradcheck_of_nothing
with attempt():
    torch.autograd.gradcheck(lambda x: x * 2, (torch.ones(2, dtype=torch.float64),))

# --- complex_jacobian
f = torch.autograd.functional
z = torch.tensor([1 + 1j, 2 - 1j])
report(f.vjp(lambda z: z * z, z, torch.ones(2, dtype=torch.complex64)))
