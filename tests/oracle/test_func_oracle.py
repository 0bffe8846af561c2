"""torch.func beside plugrad.func: derivatives, modules, error texts."""

import types

import pytest

import plugrad
from plugrad.core.pytree import flatten
from plugrad_func_programs import W, X, Y, both, draw, func_of, ints, outcome, to, written

torch = pytest.importorskip("torch")
pytestmark = [
    pytest.mark.oracle,
    pytest.mark.cpu,
    pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning"),  # torch's own forward mode uses it
    pytest.mark.filterwarnings("ignore:Attempted to insert a get_attr Node:UserWarning"),
]


# --- whole derivatives ---
def f1(t, x):
    return (x.sin() * x.cumsum(0)).tanh()


DERIVATIVES = {
    "grad": lambda t, f: f.grad(lambda x: f1(t, x).sum()),
    "grad and value": lambda t, f: f.grad_and_value(lambda x: f1(t, x).sum()),
    "grad of grad": lambda t, f: f.grad(lambda x: f.grad(lambda y: f1(t, x * y).sum())(x).prod()),
    "grad of a constant": lambda t, f: f.grad(lambda x: t.ones((), dtype=t.float64)),
    "grad with aux": lambda t, f: f.grad(lambda x: (x.sum(), {"twice": x * 2}), has_aux=True),
    "vjp": lambda t, f: lambda x: f.vjp(lambda x: f1(t, x), x)[1](x),
    "vjp of a dict": lambda t, f: lambda x: f.vjp(lambda d: {"r": d["a"] * d["b"]}, {"a": x, "b": x})[1]({"r": x}),
    "jvp": lambda t, f: lambda x: f.jvp(lambda x: f1(t, x), (x,), (x,)),
    "jvp with aux": lambda t, f: lambda x: f.jvp(lambda x: (f1(t, x), x * 2), (x,), (x,), has_aux=True),
    "jvp of grad": lambda t, f: lambda x: f.jvp(f.grad(lambda x: f1(t, x).sum()), (x,), (x,)),
    "grad of jvp": lambda t, f: f.grad(lambda x: f.jvp(lambda x: f1(t, x), (x,), (x,))[1].sum()),
    "jvp of jvp": lambda t, f: lambda x: f.jvp(lambda y: f.jvp(lambda x: f1(t, x), (y,), (x,))[1], (x,), (x,)),
    "jacrev": lambda t, f: f.jacrev(lambda x: f1(t, x)),
    "jacrev of several": lambda t, f: f.jacrev(lambda x: (f1(t, x), [x.sum()])),
    "jacrev in chunks": lambda t, f: f.jacrev(lambda x: (f1(t, x), x.sum()), chunk_size=2),
    "jacrev with aux": lambda t, f: f.jacrev(lambda x: (f1(t, x), x * 2), has_aux=True),
    "jacfwd": lambda t, f: f.jacfwd(lambda x: f1(t, x)),
    "jacfwd of several": lambda t, f: f.jacfwd(lambda x: (f1(t, x), x.sum())),
    "jacfwd with aux": lambda t, f: f.jacfwd(lambda x: (f1(t, x), x * 2), has_aux=True),
    "jacfwd of a constant": lambda t, f: f.jacfwd(lambda x: t.ones(2, dtype=t.float64)),
    "hessian": lambda t, f: f.hessian(lambda x: f1(t, x).prod()),
    "jacrev of jacrev": lambda t, f: f.jacrev(f.jacrev(lambda x: f1(t, x))),
    "jacfwd of jacfwd": lambda t, f: f.jacfwd(f.jacfwd(lambda x: f1(t, x))),
    "jacrev of jacfwd": lambda t, f: f.jacrev(f.jacfwd(lambda x: f1(t, x))),
    "third derivatives": lambda t, f: f.jacrev(f.hessian(lambda x: f1(t, x).prod())),
    "linearize": lambda t, f: lambda x: f.linearize(lambda x: (x * x, x.sum()), x)[1](x),
    "under no_grad": lambda t, f: t.no_grad()(f.grad(lambda x: f1(t, x).sum())),
    "no_grad inside": lambda t, f: f.grad(lambda x: (x * t.no_grad()(lambda: x * x)()).sum()),
    "functionalize": lambda t, f: f.functionalize(lambda x: x * 2),
}


def views_written(t, x):
    y = x.clone()
    y[0] = y[1] * 2
    y[1:].mul_(x[0])
    z = y.view(3, 1)
    z[2] = z[0] * 3
    return y.add_(x)


def fresh_written(t, x):
    y = t.zeros(3, dtype=t.float64)
    y[0] = x[1] * 2
    y[1:] = x[1:] ** 2
    return y


@pytest.mark.parametrize(
    "way", ["jacrev", "jacfwd", "jacrev of vmap", "vmap of jacrev", "vmap of jacfwd", "vmap of hessian"]
)
def test_in_place_ops(way):
    def program(t, f, x):
        ways = {
            "jacrev": lambda: f.jacrev(lambda x: views_written(t, x))(x[0]),
            "jacfwd": lambda: f.jacfwd(lambda x: views_written(t, x) * fresh_written(t, x))(x[0]),
            "jacrev of vmap": lambda: f.jacrev(f.vmap(lambda x: views_written(t, x)))(x),
            "vmap of jacrev": lambda: f.vmap(f.jacrev(lambda x: views_written(t, x)))(x),
            "vmap of jacfwd": lambda: f.vmap(f.jacfwd(lambda x: views_written(t, x)))(x),
            "vmap of hessian": lambda: f.vmap(f.hessian(lambda x: views_written(t, x).prod()))(x),
        }
        return ways[way]()

    both(program, X)


@pytest.mark.parametrize("name", DERIVATIVES)
def test_derivative(name):
    both(lambda t, f, x: DERIVATIVES[name](t, f)(x), X[0])


#: Their results are no nests of tensors with one gradient each.
NOT_BATCHED = {"linearize", "under no_grad", "jacfwd of a constant", "grad of a constant"}


@pytest.mark.parametrize("name", [name for name in DERIVATIVES if name not in NOT_BATCHED])
def test_derivative_under_vmap(name):
    both(lambda t, f, x: f.vmap(DERIVATIVES[name](t, f))(x), X)


@pytest.mark.parametrize("name", ["grad", "vjp", "jvp", "jacrev", "jacfwd", "hessian"])
def test_derivative_of_what_requires_grad(name):
    def program(t, f, x):
        x.requires_grad_()
        made = flatten(DERIVATIVES[name](t, f)(x))[0]
        total = sum((part * part).sum() for part in made)
        return (*made, *t.autograd.grad(total, x))

    both(program, X[0])


def test_captured_tensors_get_gradients():
    def program(t, f, x, w):
        w.requires_grad_()
        g = f.vmap(f.grad(lambda x: ((x @ w).sin()).sum()))(x)
        return (g, *t.autograd.grad((g * g).sum(), w))

    both(program, X, W)


def test_argnums():
    def program(t, f, x, y):
        def h(x, y):
            return (x.exp() * y).sum() * y.sum()

        return (
            f.grad(h, argnums=(0, 1))(x, y),
            f.grad(h, argnums=-1)(x, y),
            f.jacrev(f.grad(h), argnums=(1, 0))(x, y),
            f.hessian(h, argnums=(0, 1))(x, y),
            f.jacfwd(h, argnums=(1,))(x, y),
        )

    both(program, X[0], Y[0])


# --- modules ---
def model(t, seed=0):
    t.manual_seed(seed)
    return t.nn.Sequential(t.nn.Linear(3, 4), t.nn.LayerNorm(4), t.nn.Tanh(), t.nn.Linear(4, 2)).double()


def test_gradients_per_sample():
    def program(t, f, x, y):
        net = model(t)
        parameters = {name: p.detach() for name, p in net.named_parameters()}

        def loss(parameters, x, y):
            return t.nn.functional.cross_entropy(f.functional_call(net, parameters, (x.unsqueeze(0),)), y.unsqueeze(0))

        return f.vmap(f.grad(loss), in_dims=(None, 0, 0))(parameters, x, y)

    both(program, X, ints(2, 4))


def test_ensemble():
    def program(t, f, x):
        models = [model(t, seed) for seed in range(3)]
        parameters, buffers = f.stack_module_state(models)
        out = f.vmap(lambda p, b, x: f.functional_call(models[0], (p, b), x), in_dims=(0, 0, None))(
            parameters, buffers, x
        )
        found = t.autograd.grad(out.pow(2).sum(), list(parameters.values()))
        return (out, dict(zip(parameters, found, strict=True)))

    both(program, X)


def test_convolutions_per_sample():
    def program(t, f, x):
        t.manual_seed(0)
        net = t.nn.Sequential(
            t.nn.Conv2d(2, 3, 3, padding=1), t.nn.ReLU(), t.nn.MaxPool2d(2), t.nn.Flatten(), t.nn.Linear(12, 2)
        ).double()
        parameters = {name: p.detach() for name, p in net.named_parameters()}
        return f.vmap(f.grad(lambda p, x: f.functional_call(net, p, x[None]).sin().sum()), in_dims=(None, 0))(
            parameters, x
        )

    both(program, draw(3, 2, 4, 4))


def test_batch_norms_without_statistics():
    def program(t, f, x):
        net = f.replace_all_batch_norm_modules_(t.nn.Sequential(t.nn.BatchNorm1d(3)).double())
        return (f.vmap(lambda x: net(x))(x), net[0].running_mean is None)

    both(program, draw(2, 5, 3))


# --- errors ---
def lib(t):
    return types.SimpleNamespace(
        t=t, f=func_of(t), x=to(t, X), y=to(t, Y), v=to(t, X[0]), w=to(t, X[0]).requires_grad_()
    )


def third(x):
    return x[2]


ERRORS = {
    "item": lambda s: s.f.vmap(lambda x: x.sum().item())(s.x),
    "if": lambda s: s.f.vmap(lambda x: x if x.sum() > 0 else -x)(s.x),
    "float": lambda s: s.f.vmap(lambda x: float(x.sum()))(s.x),
    "nonzero": lambda s: s.f.vmap(lambda x: x.nonzero())(s.x),
    "mask": lambda s: s.f.vmap(lambda x: x[x > 0])(s.x),
    "write into unbatched": lambda s: s.f.vmap(lambda x: written(s.t.zeros(3, dtype=s.t.float64), x))(s.x),
    "copy into unbatched": lambda s: s.f.vmap(lambda x: s.t.zeros(3, dtype=s.t.float64).copy_(x))(s.x),
    "randomness": lambda s: s.f.vmap(lambda x: x, randomness="some")(s.x),
    "chunk_size": lambda s: s.f.vmap(lambda x: x, chunk_size=0),
    "sizes": lambda s: s.f.vmap(lambda x, y: x)(s.x, s.v),
    "no batch": lambda s: s.f.vmap(lambda x: x, in_dims=None)(s.x),
    "none batched": lambda s: s.f.vmap(lambda x: x, in_dims=(None,))(s.x),
    "in_dims kind": lambda s: s.f.vmap(third, in_dims="a")(s.x),
    "in_dims structure": lambda s: s.f.vmap(third, in_dims=(0, 0))(s.x),
    "in_dims entry": lambda s: s.f.vmap(third, in_dims=("a",))(s.x),
    "in_dims range": lambda s: s.f.vmap(third, in_dims=5)(s.x),
    "no tensor": lambda s: s.f.vmap(third)(3),
    "no inputs": lambda s: s.f.vmap(third)(),
    "output": lambda s: s.f.vmap(lambda x: (x, 3))(s.x),
    "output none": lambda s: s.f.vmap(lambda x: None)(s.x),
    "out_dims none": lambda s: s.f.vmap(third, out_dims=None)(s.x),
    "out_dims kind": lambda s: s.f.vmap(third, out_dims="a")(s.x),
    "out_dims structure": lambda s: s.f.vmap(third, out_dims=(0, 0))(s.x),
    "out_dims of nest": lambda s: s.f.vmap(lambda x: (x, [x]), out_dims=(0,))(s.x),
    "out_dims range": lambda s: s.f.vmap(lambda x: x, out_dims=4)(s.x),
    "backward in vmap": lambda s: s.f.vmap(lambda x: (x * s.w).sum().backward())(s.x),
    "backward in grad": lambda s: s.f.grad(lambda x: x.sum().backward())(s.x),
    "write into the input of grad": lambda s: s.f.grad(lambda x: x.mul_(2).sum())(s.x),
    "grad of no scalar": lambda s: s.f.grad(lambda x: x)(s.v),
    "grad of a number": lambda s: s.f.grad(lambda x: 3)(s.v),
    "grad for a number": lambda s: s.f.grad(lambda x: x)(3),
    "grad for whole numbers": lambda s: s.f.grad(lambda x: x.sum())(s.t.arange(3)),
    "grad without aux": lambda s: s.f.grad(lambda x: x.sum(), has_aux=True)(s.v),
    "grad aux": lambda s: s.f.grad(lambda x: (x.sum(), 1), has_aux=True)(s.v),
    "argnums range": lambda s: s.f.grad(lambda x: x.sum(), argnums=1)(s.v),
    "argnums empty": lambda s: s.f.grad(lambda x: x.sum(), argnums=())(s.v),
    "argnums twice": lambda s: s.f.grad(lambda x: x.sum(), argnums=(0, -1))(s.v),
    "argnums kind": lambda s: s.f.grad(lambda x: x.sum(), argnums="a")(s.v),
    "vjp of a number": lambda s: s.f.vjp(lambda x: 3, s.v),
    "vjp of none": lambda s: s.f.vjp(lambda x: None, s.v),
    "vjp of nothing": lambda s: s.f.vjp(lambda x: (), s.v),
    "vjp of whole numbers": lambda s: s.f.vjp(lambda x: x.long(), s.v),
    "vjp for a number": lambda s: s.f.vjp(lambda x: x, 3),
    "vjp structure": lambda s: s.f.vjp(lambda x: x, s.v)[1]((s.v,)),
    "vjp shape": lambda s: s.f.vjp(lambda x: x * 2, s.v)[1](s.t.ones(2)),
    "vjp without aux": lambda s: s.f.vjp(lambda x: x, s.v, has_aux=True),
    "jvp primals": lambda s: s.f.jvp(lambda x: x, s.v, s.v),
    "jvp structure": lambda s: s.f.jvp(lambda x: x, (s.v,), (s.v, s.v)),
    "jvp strict": lambda s: s.f.jvp(lambda x: s.t.ones(3), (s.v,), (s.v,), strict=True),
    "jvp of a number": lambda s: s.f.jvp(lambda x: 3, (s.v,), (s.v,)),
    "jvp aux": lambda s: s.f.jvp(lambda x: (x, 1), (s.v,), (s.v,), has_aux=True),
    "jvp shape": lambda s: s.f.jvp(lambda x: x, (s.v,), (s.t.ones(2),)),
    "jvp tangent": lambda s: s.f.jvp(lambda x: x, (s.v,), (3,)),
    "jvp empty": lambda s: s.f.jvp(lambda x: x, (), ()),
    "jacrev chunks": lambda s: s.f.jacrev(lambda x: x, chunk_size=0),
    "jacrev complex input": lambda s: s.f.jacrev(lambda x: x)(s.v.to(s.t.complex64)),
    "jacrev complex output": lambda s: s.f.jacrev(lambda x: x.to(s.t.complex64))(s.v),
    "jacfwd complex output": lambda s: s.f.jacfwd(lambda x: x.to(s.t.complex64))(s.v),
    "functionalize": lambda s: s.f.functionalize(third, remove="x")(s.v),
    "stack of nothing": lambda s: s.f.stack_module_state([]),
    "stack of different": lambda s: s.f.stack_module_state([s.t.nn.Linear(1, 1), s.t.nn.Tanh()]),
    "stack of modes": lambda s: s.f.stack_module_state([s.t.nn.Linear(1, 1), s.t.nn.Linear(1, 1).eval()]),
    "call with no dict": lambda s: s.f.functional_call(s.t.nn.Linear(3, 1), 3, s.v),
    "call with dicts": lambda s: s.f.functional_call(s.t.nn.Linear(3, 1), ({"bias": s.v}, {"bias": s.v}), s.v),
    "call with no tensor": lambda s: s.f.functional_call(s.t.nn.Linear(3, 1), {"weight": 3}, s.v),
    "call strictly": lambda s: s.f.functional_call(s.t.nn.Linear(3, 1), {"w": s.v}, s.v, strict=True),
    "rearrange": lambda s: s.f.rearrange(s.x, "a b -> a"),
    "rearrange rank": lambda s: s.f.rearrange(s.x, "a b c -> a b c"),
    "rearrange arrow": lambda s: s.f.rearrange(s.x, "a b"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_error(name):
    ours, theirs = (outcome(lambda t=t: ERRORS[name](lib(t))) for t in (plugrad, torch))
    assert isinstance(theirs[0], str), "torch raises nothing here"
    assert ours == theirs


def test_public_names():
    assert set(plugrad.func.__all__) == {name for name in dir(func_of(torch)) if not name.startswith("_")}
