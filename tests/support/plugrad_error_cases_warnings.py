"""Uses that work but are warned of; a case turns the first warning into the exception that is compared."""

import warnings

from plugrad_error_registry import case, leaf


def warned(name):
    """Register the decorated function as ``warns-NAME``, to be run with warnings raised."""

    def register(call):
        def raising(t):
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                return call(t)

        return case("warns-" + name)(raising)

    return register


def sgd(t):
    return t.optim.SGD([t.nn.Parameter(t.ones(2))], lr=0.1)


ONE_LINE = {
    "grad-of-result": lambda t: (leaf(t, 2) * 2).grad,
    "float-of-recorded": lambda t: float(leaf(t, 1)),
    "mse-broadcast": lambda t: t.nn.functional.mse_loss(t.ones(2, 1), t.ones(2)),
    "l1-broadcast": lambda t: t.nn.functional.l1_loss(t.ones(2, 1), t.ones(2)),
    "smooth-l1-broadcast": lambda t: t.nn.functional.smooth_l1_loss(t.ones(2, 1), t.ones(2)),
    "huber-broadcast": lambda t: t.nn.functional.huber_loss(t.ones(2, 1), t.ones(2)),
    "kl-div-mean": lambda t: t.nn.functional.kl_div(t.zeros(2), t.ones(2)),
    "softmax-dim": lambda t: t.nn.functional.softmax(t.ones(2, 2)),
    "log-softmax-dim": lambda t: t.nn.LogSoftmax()(t.ones(2, 2)),
    "size-average": lambda t: t.nn.functional.mse_loss(t.ones(2), t.ones(2), size_average=False),
    "tensor-of-tensor": lambda t: t.tensor(t.ones(2)),
    "new-tensor-of-tensor": lambda t: t.ones(2).new_tensor(t.ones(2)),
    "std-of-one": lambda t: t.ones(1).std(),
    "var-of-one": lambda t: t.ones(1).var(),
    "transpose-of-3d": lambda t: t.ones(2, 2, 2).T,
    "uint8-mask": lambda t: t.ones(2)[t.tensor([1, 0], dtype=t.uint8)],
    "complex-to-real": lambda t: t.tensor([1j]).float(),
    "out-resized": lambda t: t.add(t.ones(3), 1, out=t.ones(2)),
    "linear-without-inputs": lambda t: t.nn.Linear(0, 2),
    "lstm-dropout": lambda t: t.nn.LSTM(2, 2, dropout=0.5),
    "scheduler-get-lr": lambda t: t.optim.lr_scheduler.StepLR(sgd(t), 1).get_lr(),
    "init-old-name": lambda t: t.nn.init.xavier_uniform(t.ones(2, 2)),
    "clip-old-name": lambda t: t.nn.utils.clip_grad_norm([leaf(t, 2)], 1.0),
    "gradcheck-float32": lambda t: t.autograd.gradcheck(t.sin, leaf(t, 2), eps=1e-2, atol=1e-1),
}
for _name, _call in ONE_LINE.items():
    warned(_name)(_call)


@warned("optimizer-duplicate-parameter")
def _(t):
    w = t.nn.Parameter(t.ones(2))
    t.optim.SGD([w, w], lr=0.1)


@warned("scheduler-before-optimizer")
def _(t):
    optimizer = sgd(t)
    t.optim.lr_scheduler.StepLR(optimizer, 1).step()


@warned("detect-anomaly")
def _(t):
    with t.autograd.detect_anomaly():
        leaf(t, 2).sum().backward()
