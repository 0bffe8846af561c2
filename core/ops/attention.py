"""Scaled dot-product attention: one node with a joint gradient."""

from ..compile import general
from ..errors import broadcast_failure, c_name
from ..shapes import broadcast_shapes


def product_error(x, y):
    """torch's words for shapes (*, n, k), (*, k, m) of which no product can be made, or None."""
    if len(x) > 2 or len(y) > 2:
        misfit = broadcast_failure([x[:-2], y[:-2]])
        if misfit is not None:
            return misfit
    if x[-1] == y[-2]:
        return None
    if len(x) == len(y) == 2:
        return RuntimeError(f"mat1 and mat2 shapes cannot be multiplied ({x[0]}x{x[1]} and {y[0]}x{y[1]})")
    count = broadcast_shapes(x[:-2], y[:-2]).numel()
    return RuntimeError(
        f"Expected size for first two dimensions of batch2 tensor to be: [{count}, {x[-1]}] but got: [{count}, {y[-2]}]."
    )


def attention_check(q, k, v, mask, scale, causal):
    """The error that torch raises for arguments of which no attention can be computed, or None."""
    a, b, c = (tuple(t._a.shape) for t in (q, k, v))
    error = product_error(a, (*b[:-2], b[-1], b[-2]))
    if error is not None:
        return error
    scores = (*broadcast_shapes(a[:-2], b[:-2]), a[-2], b[-2])
    return mask_error(mask, scores) or product_error(scores, c)


def mask_error(mask, scores):
    """torch's words for a mask that cannot be added to scores of a shape, or None."""
    if mask is None:
        return None
    shape = tuple(mask._a.shape)
    misfit = broadcast_failure([scores, shape])
    if misfit is not None:
        return misfit
    together = tuple(broadcast_shapes(scores, shape))
    if together != scores:
        return RuntimeError(f"output with shape {list(scores)} doesn't match the broadcast shape {list(together)}")
    return None


def attention_dtype_error(q):
    """The error for a dtype without attention."""
    if q.is_complex():
        kind = "Float" if q.dtype.name == "complex64" else "Double"
        return NotImplementedError(f"\"softmax_lastdim_kernel_impl\" not implemented for 'Complex{kind}'")
    return RuntimeError(f"expected m1 and m2 to have the same dtype, but got: float != {c_name(q.dtype)}")


def attention_tangent(xp, query, key, value, mask, t_query, t_key, t_value, t_mask, out, scale, causal):
    """P (ṡ - Σ P ṡ) v + P v̇ with the weights P and the tangent ṡ of the scores."""
    exps, shares = xp.exps_and_shares(xp.attention_scores(query, key, mask, scale, causal))
    weights = exps * shares
    parts = [xp.matmul(t_query, key.mT) * scale] if t_query is not None else []
    parts += [xp.matmul(query, t_key.mT) * scale] if t_key is not None else []
    parts += [t_mask] if t_mask is not None else []
    total = xp.matmul(weights, t_value) if t_value is not None else xp.zeros_like(out)
    if not parts:
        return total
    moved = weights * sum(parts[1:], parts[0])
    return total + xp.matmul(moved, value) - out * moved.sum(-1, keepdim=True)


def attention_row(name, node):
    return general(
        f"{name}(query, key, value, mask?, *, scale, causal) -> out, exps:no, shares:no",
        vjp=lambda xp, g, query, key, value, mask, out, exps, shares, scale, causal, needs: xp.attention_grad(
            g, query, key, value, mask, out, exps, shares, scale, causal, needs
        ),
        jvp=attention_tangent,
        doc="softmax(q kᵀ · scale + mask) v",
        xp="attention",
        node=node,
        check=attention_check,
    )


# torch has a kernel for heads of four dimensions and composes the rest, which the names of its nodes show.
attention_of_heads = attention_row("attention_of_heads_", "ScaledDotProductFlashAttentionForCpuBackward0")
attention_of_matrices = attention_row("attention_of_matrices_", "MmBackward0")
attention_of_batches = attention_row("attention_of_batches_", "UnsafeViewBackward0")
