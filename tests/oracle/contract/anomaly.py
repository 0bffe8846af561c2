"""detect_anomaly, exceptions in rules and hooks, and the engine after them."""
# ruff: noqa: F821

# --- anomaly_mode_flags
report(torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled())
with torch.autograd.set_detect_anomaly(True, check_nan=False):
    report(torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled())
report(torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled())

# --- detect_anomaly_warns
with torch.autograd.detect_anomaly():
    x = leaf(1.0, 2.0)
    (x * x).sum().backward()
report(x.grad, torch.is_anomaly_enabled())

# --- set_detect_anomaly_as_a_function
torch.autograd.set_detect_anomaly(True)
report(torch.is_anomaly_enabled())
torch.autograd.set_detect_anomaly(False)
report(torch.is_anomaly_enabled())

# --- nan_is_found
with torch.autograd.set_detect_anomaly(True):
    x = leaf(-1.0, 2.0)
    y = x.sqrt().sum()
    with attempt():
        y.backward()
report(x.grad)

# --- nan_of_zero_times_infinity
with torch.autograd.set_detect_anomaly(True):
    x = leaf(0.0)
    y = x.sqrt() * 0
    with attempt():
        y.backward()

# --- nan_is_not_looked_for
with torch.autograd.set_detect_anomaly(True, check_nan=False):
    x = leaf(-1.0, 2.0)
    x.sqrt().sum().backward()
    report(x.grad)


# --- nan_of_a_function
class Bad(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def backward(ctx, g):
        return g * float("nan")


with torch.autograd.set_detect_anomaly(True):
    x = leaf(1.0)
    y = Bad.apply(x)
    with attempt():
        y.backward()

# --- nan_without_anomaly_mode
x = leaf(-1.0, 4.0)
x.sqrt().sum().backward()
report(x.grad)

# --- in_place_error_under_anomaly_mode
with torch.autograd.set_detect_anomaly(True, check_nan=False):
    x = leaf(1.0, 2.0)
    y = x.exp()
    z = y.sum()
    y.add_(1)
    with attempt():
        z.backward()


# --- exception_of_a_rule_under_anomaly_mode
class Bad(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def backward(ctx, g):
        raise ValueError("in the rule")


with torch.autograd.set_detect_anomaly(True):
    x = leaf(1.0)
    y = Bad.apply(x)
    with attempt():
        y.backward()

# --- forward_before_anomaly_mode
x = leaf(-1.0)
y = x.sqrt()
with torch.autograd.set_detect_anomaly(True):
    with attempt():
        y.backward()

# --- anomaly_mode_nested
with torch.autograd.set_detect_anomaly(True):
    with torch.autograd.set_detect_anomaly(False):
        report(torch.is_anomaly_enabled())
    report(torch.is_anomaly_enabled())
report(torch.is_anomaly_enabled())

# --- anomaly_mode_after_an_exception
with attempt():
    with torch.autograd.set_detect_anomaly(True):
        raise ValueError("out")
report(torch.is_anomaly_enabled())


# --- exception_in_a_rule_keeps_the_graph
class Sometimes(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**2

    @staticmethod
    def backward(ctx, g):
        if failing:
            raise ValueError("not yet")
        return g * 2 * ctx.saved_tensors[0]


x = leaf(1.0, 2.0)
y = Sometimes.apply(x)
failing = True
with attempt():
    y.sum().backward()
failing = False
y.sum().backward()
report(x.grad)


# --- exception_in_a_rule_frees_what_ran_before
class Fails(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def backward(ctx, g):
        raise ValueError("fails")


x = leaf(1.0, 2.0)
y = Fails.apply(x).exp().sum()
with attempt():
    y.backward()
with attempt():
    y.backward()


# --- exception_types_pass_through
class Own(Exception):
    pass


def hook(g):
    raise Own("mine")


x = leaf(1.0)
y = x * 2
y.register_hook(hook)
try:
    y.backward()
except Own as error:
    report(type(error).__name__, error.args)


# --- exception_in_a_post_accumulate_hook
def hook(p):
    raise ValueError("after the sum")


x = leaf(1.0)
handle = x.register_post_accumulate_grad_hook(hook)
with attempt():
    (x * 2).backward()
handle.remove()
report(x.grad)


# --- exception_in_a_node_hook
def hook(*parts):
    raise ValueError("around the node")


x = leaf(1.0)
y = x.exp()
y.grad_fn.register_prehook(hook)
with attempt():
    y.backward()
report(x.grad)

# --- exception_with_other_branches_done
x, w = leaf(1.0), leaf(2.0)


def hook(g):
    raise ValueError("late")


first = x * 2
first.register_hook(hook)
second = w * 3
with attempt():
    (first + second).backward()
report(x.grad)


# --- keyboard_interrupt_in_a_hook
def hook(g):
    raise KeyboardInterrupt


x = leaf(1.0)
y = x * 2
handle = y.register_hook(hook)
try:
    y.backward()
except KeyboardInterrupt:
    report("interrupted")
handle.remove()
(x * 3).backward()
report(x.grad, torch.is_grad_enabled())


# --- grad_mode_after_a_failed_backward
def hook(g):
    raise ValueError("stop")


x = leaf(1.0)
y = x * 2
y.register_hook(hook)
with torch.no_grad():
    with attempt():
        y.backward()
    report(torch.is_grad_enabled())
report(torch.is_grad_enabled())


# --- nested_backward_that_fails
def hook(g):
    with torch.enable_grad():
        inner = (w * 2).sum()
    inner.backward()
    inner.backward(torch.ones(3))


x, w = leaf(1.0), leaf(1.0, 2.0)
y = x * 2
y.register_hook(hook)
with attempt():
    y.backward()
report(w.grad)
(w * 1).sum().backward()
report(w.grad)

# --- anomaly_assertion_in_double_backward
with torch.autograd.set_detect_anomaly(True):
    x = leaf(0.0)
    (g,) = torch.autograd.grad(x**1.5, x, create_graph=True)
    report(g)
    with attempt():
        torch.autograd.grad(g * 0, x)
