"""What usually stands behind a value or a gradient that is not finite, by op, and what helps."""

__all__ = ["is_choice", "is_nan_of_zero", "of_backward", "of_forward", "of_zero"]

#: Op → why its result is not finite for finite arguments.
FORWARD = {
    "log": "log of 0 is -inf, of a negative number nan: use log(x.clamp(min=eps)), or log_softmax instead of softmax and log.",
    "log2": "log2 of 0 is -inf, of a negative number nan: use log2(x.clamp(min=eps)).",
    "log10": "log10 of 0 is -inf, of a negative number nan: use log10(x.clamp(min=eps)).",
    "log1p": "log1p of -1 is -inf, of less nan: use log1p(x.clamp(min=eps - 1)).",
    "sqrt": "sqrt of a negative number is nan: use sqrt(x.clamp(min=0)).",
    "rsqrt": "rsqrt of 0 is inf, of a negative number nan: use rsqrt(x + eps).",
    "div": "x / 0 is inf and 0 / 0 is nan: use x / (y + eps), or where(y == 0, 1, y) below the line.",
    "reciprocal": "1 / 0 is inf: use 1 / (x + eps).",
    "exp": "exp overflows: above 88.7 in float32. Subtract the maximum first (softmax and logsumexp do), or clamp.",
    "asin": "asin is nan outside [-1, 1]: clamp the argument.",
    "acos": "acos is nan outside [-1, 1]: clamp the argument.",
}

#: Op → why its gradient is not finite for a finite gradient that comes in.
BACKWARD = {
    "sqrt": "the slope of sqrt at 0 is infinite: use sqrt(x + eps), or sqrt(x.clamp(min=eps)).",
    "pow": "the slope of a power below 1 at 0 is infinite: use (x + eps) ** p, or (x.clamp(min=eps)) ** p.",
    "log": "the slope of log at 0 is infinite: use log(x.clamp(min=eps)).",
    "div": "the slope of x / y at y = 0 is infinite: use x / (y + eps).",
    "reciprocal": "the slope of 1 / x at 0 is infinite: use 1 / (x + eps).",
    "rsqrt": "the slope of rsqrt at 0 is infinite: use rsqrt(x + eps).",
    "asin": "the slope of asin at -1 and 1 is infinite: clamp the argument to [-1 + eps, 1 - eps].",
    "acos": "the slope of acos at -1 and 1 is infinite: clamp the argument to [-1 + eps, 1 - eps].",
}

#: Op → why it hands on only zeros.
ZERO = {
    "relu": "dead relu: all its inputs are ≤ 0. A lower learning rate, another initial value or leaky_relu keeps units alive.",
    "clamp": "clamp: all its inputs are outside the bounds.",
    "hardtanh": "all its inputs are outside the bounds.",
    "where": "where takes the other branch everywhere.",
    "masked_fill": "masked_fill fills every element.",
    "maximum": "the other argument is larger everywhere.",
    "minimum": "the other argument is smaller everywhere.",
    "sign": "the slope of sign is 0 everywhere.",
    "round": "the slope of round is 0 everywhere.",
    "floor": "the slope of floor is 0 everywhere.",
    "ceil": "the slope of ceil is 0 everywhere.",
    "trunc": "the slope of trunc is 0 everywhere.",
    "mul": "the other factor is 0 everywhere.",
    "mm": "the other matrix has only zeros where it meets the gradient.",
    "addmm": "the other matrix has only zeros where it meets the gradient.",
    "sigmoid": "sigmoid is saturated: its inputs are so large that its slope rounds to 0.",
    "tanh": "tanh is saturated: its inputs are so large that its slope rounds to 0.",
    "softmax": "softmax is saturated: one entry takes everything.",
    "select": "the part that is used is another one.",
    "slice": "the part that is used is another one.",
    "index": "the part that is used is another one.",
}

#: Ops that hand no gradient to what they did not choose.
CHOICES = ("where", "masked_fill", "clamp", "maximum", "minimum", "max", "min", "amax", "amin", "topk", "kthvalue")

INACTIVE = (
    "{choice} takes the other branch there: the gradient that comes in is 0, the slope of {op} is infinite, and 0 · inf is nan. "
    "Make the argument harmless before {op}: safe = torch.where(condition, x, 1), {op} of safe, then where again."
)


def is_choice(op):
    """Whether an op hands its gradient to a part of its arguments only."""
    return op in CHOICES or op.startswith("max_pool")


def of_forward(op, has_nan, dtype):
    """A sentence on an op whose arguments were finite and whose result, of the named dtype, is not."""
    if op in FORWARD:
        return FORWARD[op]
    if has_nan:
        return f"{op} is not defined for these values."
    largest = {"float16": "65504", "bfloat16": "3.39e38", "float32": "3.4e38", "float64": "1.8e308"}
    return f"the result is too large: {dtype} ends at {largest.get(dtype, 'less')}."


def of_backward(op, chosen_by):
    """A sentence on a rule that made a gradient infinite or nan; ``chosen_by`` names a where that took another branch."""
    return INACTIVE.format(choice=chosen_by, op=op) if chosen_by else BACKWARD.get(op, "")


def of_zero(op, size, chosen_by):
    """A sentence on a rule that made zeros of a gradient; ``chosen_by`` names a choice that came after it."""
    if op in ("cat", "stack") and chosen_by:
        return f"{chosen_by} chose other parts."
    sentence = ZERO.get(op, "its slope is 0 here.")
    return sentence.replace("all its inputs", f"all {size} inputs") if size else sentence


def is_nan_of_zero(grads_in, bad):
    """Whether NaN went out where 0 came in."""
    return any(g is not None and g.shape == bad.shape and bool(((g == 0) & bad.isnan()).any()) for g in grads_in)
