"""Freezing parts of a model so that no training step moves them."""

import difflib
from fnmatch import fnmatchcase

from .module_members import BUFFER

__all__ = ["freeze", "unfreeze"]


def freeze(module, *patterns, norm_stats=True):
    """Keep parameters, and the running statistics beside them, from changing in training.

    ``requires_grad = False`` alone leaves two leaks: BatchNorm goes on moving its running mean and variance in training
    mode, and a gradient from before lets the next optimizer step move the weight once more. So the gradients are
    dropped, and normalization layers whose statistics are frozen stay in evaluation mode through ``train()``.

    Args:
        module: the model.
        patterns: names of parameters or submodules, with shell wildcards (``"encoder"``, ``"layer1.*"``, ``"*.bias"``);
            a submodule's name stands for all below it. Without patterns everything is frozen.
        norm_stats: hold the running statistics among the names too.

    Returns:
        The module.

    Raises:
        ValueError: a pattern matches nothing.

    Example:
        >>> import plugrad
        >>> model = plugrad.nn.ParameterDict({"backbone": plugrad.ones(2), "head": plugrad.ones(1)})
        >>> model = plugrad.nn.freeze(model, "backbone")
        >>> [name for name, p in model.named_parameters() if p.requires_grad]
        ['head']
    """
    parameters, norms = select(module, patterns)
    for parameter in parameters:
        parameter.requires_grad_(False)
        parameter.grad = None
    if norm_stats:
        for norm in norms:
            norm._statistics_held = True
            norm.training = False
    return module


def unfreeze(module, *patterns):
    """Undo :func:`freeze` for the parameters and normalization layers that the patterns match.

    A layer let go is put into the training mode of ``module``.

    Example:
        >>> import plugrad
        >>> model = plugrad.nn.freeze(plugrad.nn.ParameterList([plugrad.ones(2)]))
        >>> plugrad.nn.unfreeze(model)[0].requires_grad
        True
    """
    parameters, norms = select(module, patterns)
    for parameter in parameters:
        parameter.requires_grad_(parameter.is_floating_point() or parameter.is_complex())
    for norm in norms:
        if norm.__dict__.pop("_statistics_held", False):
            norm.training = module.training
    return module


def select(module, patterns):
    """The parameters that match, and the modules whose ``running_mean`` does."""
    named_parameters = list(module.named_parameters(remove_duplicate=False))
    named_norms = [(_join(path, "running_mean"), m) for path, m in module.named_modules() if _keeps_statistics(m)]
    if patterns:
        _check_patterns(patterns, [name for name, _ in named_parameters + named_norms])
    parameters = [parameter for name, parameter in named_parameters if _matches(name, patterns)]
    return parameters, [norm for name, norm in named_norms if _matches(name, patterns)]


def _keeps_statistics(module):
    return module._member_kinds.get("running_mean") == BUFFER and module.running_mean is not None


def _matches(name, patterns):
    """Whether a pattern fits the name or the name of something it lies in."""
    parts = name.split(".")
    names = [".".join(parts[:n]) for n in range(1, len(parts) + 1)]
    return not patterns or any(fnmatchcase(n, pattern) for n in names for pattern in patterns)


def _check_patterns(patterns, names):
    for pattern in patterns:
        if not any(_matches(name, (pattern,)) for name in names):
            known = sorted({".".join(n.split(".")[:i]) for n in names for i in range(1, n.count(".") + 2)})
            close = difflib.get_close_matches(pattern, known)
            hint = f"; did you mean {' or '.join(map(repr, close))}?" if close else ""
            raise ValueError(f"{pattern!r} matches no parameter and no running statistics{hint}")


def _join(path, name):
    return f"{path}.{name}" if path else name
