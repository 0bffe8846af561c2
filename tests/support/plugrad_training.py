"""Programs that train a few parameters, for the tests of optimizers."""

import itertools

STEPS = 4
#: Sums of products rounded in another order: a few units in the last place.
FLOAT32 = 2e-6


def parameters(t, dtype=None):
    dtype = dtype or t.float32
    return [
        t.nn.Parameter(t.tensor([[1.0, -2.0, 0.5], [0.25, 3.0, -1.5]], dtype=dtype)),
        t.nn.Parameter(t.tensor([-1.0, 0.125], dtype=dtype)),
        t.nn.Parameter(t.tensor(0.75, dtype=dtype)),
    ]


def set_gradients(t, params, step):
    """Gradients that change with the step and between elements."""
    with t.no_grad():
        for i, p in enumerate(params):
            p.grad = p * 0.5 + (step - 1.5) * (i + 1) * 0.125


def train(t, optimizer, params, steps=STEPS, start=0):
    for step in range(start, start + steps):
        set_gradients(t, params, step)
        optimizer.step()


def trained(name, options, t, dtype="float32"):
    params = parameters(t, getattr(t, dtype))
    optimizer = getattr(t.optim, name)(params, **options)
    train(t, optimizer, params)
    return params, optimizer.state_dict()


def combinations(**options):
    return [dict(zip(options, values, strict=True)) for values in itertools.product(*options.values())]


def label(name, options):
    return "-".join([name, *(f"{key}={value}" for key, value in options.items())])
