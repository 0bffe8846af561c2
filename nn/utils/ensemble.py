"""Several modules as one for vmap: their tensors stacked; and batch norms that vmap can run."""

from ...core.ops.join import stack
from ..norm import _BatchNorm

__all__ = ["replace_all_batch_norm_modules_", "stack_module_state"]


def stack_module_state(models):
    """Return (parameters, buffers) of several modules of one class: dicts by name, each tensor with one row per module.

    The stacked parameters are leaves of their own, to be handed to an optimizer and to
    :func:`plugrad.func.functional_call` under vmap.

    Raises:
        RuntimeError: no modules, of different classes, or in different modes; or a parameter is frozen in some of them only.

    Example:
        >>> import plugrad
        >>> models = [plugrad.nn.Linear(2, 1) for _ in range(3)]
        >>> parameters, buffers = plugrad.func.stack_module_state(models)
        >>> call = lambda p, x: plugrad.func.functional_call(models[0], p, x)
        >>> plugrad.vmap(call, in_dims=(0, None))(parameters, plugrad.ones(2)).shape
        torch.Size([3, 1])
    """
    if len(models) == 0:
        raise RuntimeError("stack_module_state: Expected at least one model, got 0.")
    if len({model.training for model in models}) != 1:
        raise RuntimeError("stack_module_state: Expected all models to have the same training/eval mode.")
    if len({type(model) for model in models}) != 1:
        raise RuntimeError("stack_module_state: Expected all models to be of the same class.")
    return stacked([model.named_parameters() for model in models]), stacked([m.named_buffers() for m in models])


def stacked(named):
    dicts = [dict(pairs) for pairs in named]
    return {name: stacked_leaf(name, [d[name] for d in dicts]) for name in dicts[0]}


def stacked_leaf(name, tensors):
    flags = {t.requires_grad for t in tensors}
    if len(flags) != 1:
        raise RuntimeError(f"Expected {name} from each model to have the same .requires_grad")
    return stack([t.detach() for t in tensors]).requires_grad_(flags.pop())


def replace_all_batch_norm_modules_(root):
    """Let every batch norm in a module normalize by the batch alone, without running statistics; returns the module."""
    for module in root.modules():
        if isinstance(module, _BatchNorm) and module.track_running_stats:
            module.running_mean = module.running_var = module.num_batches_tracked = None
            module.track_running_stats = False
    return root
