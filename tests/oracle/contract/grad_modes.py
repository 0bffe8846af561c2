"""no_grad, enable_grad, set_grad_enabled, inference_mode, and the modes across functions and generators."""
# ruff: noqa: B018, F821

# --- no_grad
x = leaf(1.0, 2.0)
report(torch.is_grad_enabled())
with torch.no_grad():
    y = x * 2
    report(torch.is_grad_enabled(), y, y.is_leaf)
report(torch.is_grad_enabled(), (y * x).requires_grad)

# --- modes_nest
x = leaf(1.0)
with torch.no_grad():
    with torch.enable_grad():
        report((x * 2).requires_grad)
        with torch.no_grad():
            report((x * 2).requires_grad)
        report((x * 2).requires_grad)
    report((x * 2).requires_grad)

# --- modes_end_by_exceptions
with attempt():
    with torch.no_grad():
        raise ValueError("out")
report(torch.is_grad_enabled())

# --- factories_under_no_grad
with torch.no_grad():
    x = torch.ones(2, requires_grad=True)
    y = torch.ones(2).requires_grad_()
report(x, y, (x * y).requires_grad)

# --- set_grad_enabled_as_a_function
report(torch.set_grad_enabled(False) is not None)
report((leaf(1.0) * 2).requires_grad)
torch.set_grad_enabled(True)
report((leaf(1.0) * 2).requires_grad)

# --- set_grad_enabled_as_a_block
x = leaf(1.0)
with torch.set_grad_enabled(False):
    report((x * 2).requires_grad)
    with torch.set_grad_enabled(True):
        report((x * 2).requires_grad)
report(torch.is_grad_enabled())

# --- set_grad_enabled_with_a_wrong_type
with attempt():
    torch.set_grad_enabled(1)
report(torch.is_grad_enabled())
torch.set_grad_enabled(True)


# --- decorators
@torch.no_grad()
def first(x):
    """First."""
    return x * 2


@torch.no_grad
def second(x):
    return x * 2


@torch.enable_grad()
def third(x):
    return x * 2


x = leaf(1.0)
report(first(x), second(x), first.__name__, first.__doc__)
with torch.no_grad():
    report(third(x))
report(torch.is_grad_enabled())

# --- set_grad_enabled_as_a_decorator
x = leaf(1.0)


@torch.set_grad_enabled(False)
def first(x):
    return x * 2


report(torch.is_grad_enabled(), first(x))


# --- decorated_generator
@torch.no_grad()
def rows(x):
    yield (x * 2).requires_grad
    yield torch.is_grad_enabled()


found = rows(leaf(1.0))
report(next(found), torch.is_grad_enabled(), next(found), torch.is_grad_enabled())


# --- generator_with_a_block
def rows(x):
    with torch.no_grad():
        yield (x * 2).requires_grad
        yield (x * 3).requires_grad


found = rows(leaf(1.0))
report(next(found), torch.is_grad_enabled())
report(next(found))
found.close()
report(torch.is_grad_enabled())
torch.set_grad_enabled(True)


# --- decorated_method_and_class
class Model:
    @torch.no_grad()
    def __call__(self, x):
        return x * 2


report(Model()(leaf(1.0)))

# --- decorated_class_warns
with attempt():

    @torch.no_grad()
    class Model:
        def __init__(self):
            self.on = torch.is_grad_enabled()

    report(Model().on)

# --- one_mode_object_twice
mode = torch.no_grad()
with mode:
    with mode:
        report(torch.is_grad_enabled())
    report(torch.is_grad_enabled())

# --- inference_mode
x = leaf(1.0, 2.0)
with torch.inference_mode():
    y = x * 2
    report(
        torch.is_inference_mode_enabled(), torch.is_grad_enabled(), y.is_inference(), y.requires_grad, x.is_inference()
    )
report(torch.is_inference_mode_enabled(), y.is_inference())

# --- inference_tensors_have_no_version
with torch.inference_mode():
    y = torch.ones(2)
with attempt():
    y._version
report(torch.ones(2).is_inference())

# --- inference_tensors_outside
x = leaf(1.0, 2.0)
with torch.inference_mode():
    y = torch.ones(2)
with attempt():
    x * y
with attempt():
    report(x + y)
with attempt():
    y.add_(1)
with attempt():
    y.requires_grad_()
report(y.clone().is_inference(), (y * 2).is_inference())
report((x * y.clone()).requires_grad)

# --- inference_tensors_in_no_grad
with torch.inference_mode():
    y = torch.ones(2)
with torch.no_grad():
    with attempt():
        y.add_(1)
    report((y * 2).is_inference())

# --- inference_views_of_normal_tensors
x = torch.ones(2)
with torch.inference_mode():
    view = x[:1]
    x.add_(1)
    report(view.is_inference(), x._version)
report(view, x)

# --- inference_mode_off
with torch.inference_mode():
    with torch.inference_mode(False):
        x = leaf(1.0)
        report((x * 2).requires_grad, torch.is_inference_mode_enabled())
    report(torch.is_inference_mode_enabled())
with torch.inference_mode(mode=False):
    report(torch.is_grad_enabled())


# --- inference_mode_as_a_decorator
@torch.inference_mode()
def first(x):
    return x * 2


@torch.inference_mode
def second(x):
    return x * 2


report(first(leaf(1.0)).is_inference(), second(leaf(1.0)).is_inference())

# --- leaf_in_inference_mode
with torch.inference_mode():
    x = torch.ones(2, requires_grad=True)
    report(x.requires_grad, x.is_inference(), (x * 2).requires_grad)
with attempt():
    (x * 2).sum().backward()

# --- enable_grad_in_inference_mode
x = leaf(1.0)
with torch.inference_mode():
    with torch.enable_grad():
        y = x * 2
        report(y.requires_grad, torch.is_grad_enabled(), y.is_inference())

# --- backward_under_inference_mode
x = leaf(1.0, 2.0)
y = (x * x).sum()
with torch.inference_mode():
    with attempt():
        y.backward()
report(x.grad is not None)


# --- grad_mode_of_backward
class Look(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def backward(ctx, g):
        report(torch.is_grad_enabled())
        return g * 2


x = leaf(1.0)
y = Look.apply(x)
y.backward(retain_graph=True)
with torch.no_grad():
    y.backward(retain_graph=True)
y.backward(create_graph=True)
report(torch.is_grad_enabled(), x.grad)

# --- model_eval_is_no_mode
model = torch.nn.Linear(2, 1)
model.eval()
report(model(torch.ones(1, 2)).requires_grad, torch.is_grad_enabled())
model.requires_grad_(False)
report(model(torch.ones(1, 2)).requires_grad, model.weight.requires_grad)

# --- detach_under_modes
x = leaf(1.0)
y = x * 2
with torch.no_grad():
    report(y.detach(), y.clone().requires_grad, y.requires_grad)

# --- out_argument_under_no_grad_of_a_leaf
x, out = leaf(1.0, 2.0), leaf(0.0, 0.0)
with torch.no_grad():
    torch.add(x, x, out=out)
report(out, out._version)
