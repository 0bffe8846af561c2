"""jacobian and hessian of core/functional.py with all rows, or columns, computed at once."""

from .func_jacobian import by_output, jacfwd, unit_vectors


def rows_at_once(outputs, leaves, create_graph):
    """Per output the tuple of its derivatives for the leaves, in reverse mode."""
    from .engine import grad

    with_history = [i for i, output in enumerate(outputs) if output.requires_grad]
    found = [None] * len(leaves)
    if with_history:
        vectors = unit_vectors(outputs)
        found = grad(
            [outputs[i] for i in with_history],
            leaves,
            [vectors[i] for i in with_history],
            create_graph=create_graph,
            allow_unused=True,
            is_grads_batched=True,
        )
    total = sum(output.numel() for output in outputs)
    rows = [x.new_zeros((total, *x.shape)) if g is None else g for g, x in zip(found, leaves, strict=True)]
    return tuple(tuple(blocks) for blocks in by_output(rows, outputs))


def columns_at_once(func, inputs):
    """(whether func returned one tensor, per output the tuple of its derivatives for the inputs), in forward mode."""
    from .functional import _tuple

    seen = []

    def checked(*duals):
        single, outputs = _tuple(func(*duals), "outputs of the user-provided function", "jacobian")
        seen.append(single)
        return outputs

    blocks = jacfwd(checked, tuple(range(len(inputs))))(*inputs)
    return seen[0], blocks


__all__ = ["columns_at_once", "rows_at_once"]
