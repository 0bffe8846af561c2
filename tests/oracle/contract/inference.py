"""Inference tensors: what they are, what may be done with them outside, and the views made in inference mode."""
# ruff: noqa: B018, F821

# --- the_function
with torch.inference_mode():
    y = torch.ones(2)
report(torch.is_inference(y), torch.is_inference(y.clone()), torch.is_inference(y * 2))
with attempt():
    torch.is_inference(3)

# --- data
x = leaf(1.0, 2.0)
with torch.inference_mode():
    y = torch.ones(2)
    report(x.data.is_inference(), x.detach().is_inference(), x[:1].is_inference(), y.data.is_inference())
report(y.data.is_inference(), y.detach().is_inference(), y.data.requires_grad)

# --- set
with torch.inference_mode():
    y = torch.ones(2)
    report(y.set_(torch.zeros(3)), y.is_inference())
with attempt():
    y.set_()
with attempt():
    y.set_(torch.ones(3))

# --- set_of_normal_tensors
x, y = torch.ones(3), torch.arange(2.0)
report(x.set_(y), x._version, y._version)
y[0] = 7.0
report(x, x.set_(), x._version, x.shape)
with attempt():
    torch.ones(2).set_(torch.arange(2))
with attempt():
    leaf(1.0).set_(y)
with torch.no_grad():
    report(leaf(1.0).set_(y))

# --- enable_grad_records_nothing
x = leaf(1.0, 2.0)
with torch.inference_mode():
    with torch.enable_grad():
        y = x * 2
        report(torch.is_grad_enabled(), torch.is_inference_mode_enabled(), y.requires_grad, y.is_inference())
    report(torch.is_grad_enabled())
    torch.set_grad_enabled(True)
    report(torch.is_grad_enabled(), (x * 2).requires_grad)
    with torch.set_grad_enabled(True):
        report(torch.is_grad_enabled(), (x * 2).requires_grad)
    with torch.inference_mode(False):
        report(torch.is_grad_enabled(), (x * 2).requires_grad)
        with torch.no_grad():
            report(torch.is_grad_enabled(), (x * 2).requires_grad)
report(torch.is_grad_enabled(), (x * 2).requires_grad)

# --- views_made_inside_and_written_outside
x = leaf(1.0, 2.0)
y = x * 1
with torch.inference_mode():
    views = [x.view(-1), y.view(-1), y.unbind()[0]]
    with torch.enable_grad():
        views.append(y.view(-1))
for v in views:
    report(v.requires_grad, v.is_leaf, v.is_inference())
    with attempt():
        v.add_(1)
report((views[1] * 2).requires_grad)
y.add_(1)
with attempt():
    views[1].grad_fn

# --- views_of_inference_tensors
with torch.inference_mode():
    y = torch.ones(2)
    inside = y.view(-1)
    report(inside._base is None, inside._is_view())
    inside.add_(1)
outside = y[0]
report(y, outside, outside._base is None, outside._is_view(), outside.is_inference())
with attempt():
    outside.add_(1)

# --- what_saves_an_inference_tensor
x = leaf(1.0, 2.0)
with torch.inference_mode():
    y = torch.ones(2)
report((x + y).requires_grad, (x.sum() + y).requires_grad)
for program in (
    lambda: x * y,
    lambda: x @ y,
    lambda: torch.nn.functional.mse_loss(x, y),
    lambda: x.masked_fill(y > 0, 0.0),
    lambda: x.clone().mul_(y),
):
    with attempt():
        report(program().requires_grad)
with torch.no_grad():
    report((x * y).requires_grad)

# --- written_to_by_and_from
x = leaf(1.0, 2.0)
with torch.inference_mode():
    y = torch.zeros(2)
report(torch.ones(2).add_(y), torch.ones(2).copy_(y), (x * 1).copy_(y).requires_grad)
for program in (lambda: y.copy_(torch.ones(2)), lambda: y.zero_(), lambda: y.fill_(1.0), lambda: y.__setitem__(0, 1.0)):
    with attempt():
        program()
with attempt():
    torch.add(torch.ones(2), 1, out=y)
with attempt():
    y.unsqueeze_(0)

# --- leaves_made_inside
with torch.inference_mode():
    p = torch.ones(2, requires_grad=True)
    report(p.requires_grad, p.is_inference(), (p * 2).requires_grad)
with attempt():
    torch.ones(2).mul(p.clone()).backward()
