"""einsum: sums of products, written with subscripts.

The operands are taken two at a time: from the left, or in the order that ``opt_einsum`` finds where it is installed.
Subscripts of both that are needed no more are summed in a matrix product, over a batch of those that both have and that are
still needed.
"""

import functools
import importlib.util
from string import ascii_lowercase, ascii_uppercase

from ..naming import named
from ..tensor import Tensor
from . import reduction as r
from . import reshaping
from .product import bmm

__all__ = ["einsum"]

LETTERS = ascii_uppercase + ascii_lowercase
ELLIPSIS = "..."


def einsum(*args):
    """The sum of products that an equation describes: ``einsum("ij,jk->ik", x, y)`` is Σ_j x[i, j] · y[j, k].

    Args:
        equation: subscripts of each operand, a letter per dimension, and after ``->`` those of the result; without an arrow
            those that occur once, in the order of the alphabet. ``...`` stands for dimensions that broadcast. Subscripts
            that are not in the result are summed over, one that an operand has twice takes its diagonal.
        operands: the tensors. Instead of an equation each may be followed by a list of numbers, ``einsum(x, [0, 1], [1, 0])``.

    Shapes:
        ("ij,jk->ik", (I, J), (J, K)) → (I, K)

    Raises:
        RuntimeError: the equation is malformed, or does not fit the operands.

    Example:
        >>> import plugrad
        >>> x = plugrad.tensor([[1.0, 2.0], [3.0, 4.0]])
        >>> plugrad.einsum("ii->i", x)
        tensor([1., 4.])
        >>> plugrad.einsum("bi,bj->bij", x, x).shape
        torch.Size([2, 2, 2])
    """
    subscripts, result, operands = arguments(args)
    parts, outputs = placed(subscripts, result, operands)
    return combined(parts, outputs)


# --- what is asked for ---
def arguments(args):
    """(subscripts of each operand, those of the result or None, the operands)."""
    if len(args) < 2:
        raise ValueError(
            "einsum(): must specify the equation string and at least one operand, or at least one operand and its subscripts list"
        )
    if isinstance(args[0], Tensor):
        return listed(args)
    equation, *operands = args
    if not isinstance(equation, str):
        raise TypeError(f"einsum(): argument 'equation' (position 1) must be str, not {type(equation).__name__}")
    if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        operands = list(operands[0])
    for i, t in enumerate(operands):
        if not isinstance(t, Tensor):
            raise TypeError(f"expected Tensor as element {i} in argument 1, but got {type(t).__name__}")
    inputs, arrow, output = equation.partition("->")
    subscripts = read(inputs, 0, operand_error)
    result = read(output, len(inputs) + 2, output_error)[0] if arrow else None
    if len(subscripts) != len(operands):
        which = "fewer" if len(operands) < len(subscripts) else "more"
        raise RuntimeError(f"einsum(): {which} operands were provided than specified in the equation")
    return subscripts, result, operands


def listed(args):
    """As arguments(), of operands and lists in turn."""
    pairs = list(zip(args[::2], args[1::2], strict=False))
    operands, subscripts = [t for t, _ in pairs], [[letter(n) for n in numbers] for _, numbers in pairs]
    result = [letter(n) for n in args[-1]] if len(args) % 2 else None
    return subscripts, result, operands


def letter(number):
    if number is Ellipsis:
        return ELLIPSIS
    if not 0 <= number < 52:
        raise ValueError("einsum(): subscript in subscript list is not within the valid range [0, 52)")
    return LETTERS[number]


def read(text, start, error):
    """The subscripts in a text, a list for each part between commas; ``start`` is its place in the equation."""
    parts, i = [[]], 0
    while i < len(text):
        c = text[i]
        if c == ".":
            if ELLIPSIS in parts[-1]:
                raise error(len(parts) - 1, again=True)
            if text[i : i + 3] != ELLIPSIS:
                raise error(len(parts) - 1, again=False)
            parts[-1].append(ELLIPSIS)
            i += 2
        elif c == "," and error is operand_error:
            parts.append([])
        elif c in LETTERS:
            parts[-1].append(c)
        elif c != " ":
            raise RuntimeError(
                f"einsum(): invalid subscript given at index {start + i} in the equation string, subscripts must be in [a-zA-Z]"
            )
        i += 1
    return parts


def operand_error(number, again):
    if again:
        return RuntimeError(f"einsum(): found '.' for operand {number} for which an ellipsis was already found")
    return RuntimeError(f"einsum(): found '.' for operand {number} that is not part of any ellipsis")


def output_error(number, again):
    if again:
        return RuntimeError("einsum(): found '.' for output but an ellipsis (...) was already found")
    return RuntimeError("einsum(): found '.' for output that is not part of any ellipsis (...)")


# --- a label for each dimension ---
def placed(subscripts, result, operands):
    """(pairs of an operand and its labels, the labels of the result); dimensions of an ellipsis are labelled -1, -2, ..."""
    parts, sizes, widest = [], {}, 0
    for i, (wanted, t) in enumerate(zip(subscripts, operands, strict=True)):
        labels = spread(wanted, t, i)
        widest = max(widest, sum(isinstance(name, int) for name in labels))
        parts.append(check_sizes(*diagonals(t, labels, i), sizes, i))
    covered = list(range(-widest, 0))
    return [narrowed(t, labels, sizes) for t, labels in parts], output_labels(subscripts, result, covered)


def spread(wanted, t, number):
    if ELLIPSIS not in wanted and len(wanted) != t.dim():
        raise RuntimeError(
            f"einsum(): the number of subscripts in the equation ({len(wanted)}) does not match the number of dimensions ({t.dim()}) "
            f"for operand {number} and no ellipsis was given"
        )
    covered = t.dim() - len(wanted) + (ELLIPSIS in wanted)
    if covered < 0:
        raise RuntimeError(
            f"einsum(): the number of subscripts in the equation ({len(wanted) - 1}) is more than the number of dimensions ({t.dim()}) "
            f"for operand {number}"
        )
    at = wanted.index(ELLIPSIS) if ELLIPSIS in wanted else len(wanted)
    return [*wanted[:at], *range(-covered, 0), *wanted[at + 1 :]]


def diagonals(t, labels, number):
    """The operand with each label once."""
    labels = list(labels)
    for name in dict.fromkeys(labels):
        while labels.count(name) > 1:
            first = labels.index(name)
            second = labels.index(name, first + 1)
            if t.size(first) != t.size(second):
                raise RuntimeError(
                    f"einsum(): subscript {name} is repeated for operand {number} but the sizes don't match, {t.size(second)} != "
                    f"{t.size(first)}"
                )
            t = t.diagonal(0, first, second)
            labels = [n for i, n in enumerate(labels) if i not in (first, second)] + [name]
    return t, labels


def check_sizes(t, labels, sizes, number):
    """Note the sizes of the labels; a size of 1 broadcasts."""
    for i, (name, n) in enumerate(zip(labels, t.shape, strict=True)):
        seen = sizes.get(name, 1)
        if n != 1 and seen not in (1, n):
            raise size_error(name, i, number, n, seen)
        sizes[name] = seen if n == 1 else n
    return t, labels


def size_error(name, dim, number, size, seen):
    if isinstance(name, int):
        return RuntimeError(
            f"einsum(): dimension {dim} covered by ellipsis in operand {number}has size {size} which does not broadcast with previously "
            f"seen ellipsis with size {seen} for the respective dimension"
        )
    return RuntimeError(
        f"einsum(): subscript {name} has size {size} for operand {number} which does not broadcast with previously seen size {seen}"
    )


def narrowed(t, labels, sizes):
    """The operand without the dimensions of size 1 that broadcast."""
    gone = [i for i, name in enumerate(labels) if t.size(i) == 1 != sizes[name]]
    if not gone:
        return t, labels
    return reshaping.squeeze(t, tuple(gone)), [name for i, name in enumerate(labels) if i not in gone]


def output_labels(subscripts, result, covered):
    named = [name for wanted in subscripts for name in wanted if name != ELLIPSIS]
    if result is None:
        return [*covered, *sorted({name for name in named if named.count(name) == 1}, key=LETTERS.index)]
    for name in result:
        if name != ELLIPSIS and result.count(name) > 1:
            raise RuntimeError(f"einsum(): output subscript {name} appears more than once in the output")
        if name != ELLIPSIS and name not in named:
            raise RuntimeError(
                f"einsum(): output subscript {name} does not appear in the equation for any input operand"
            )
    at = result.index(ELLIPSIS) if ELLIPSIS in result else len(result)
    return [*result[:at], *(covered if ELLIPSIS in result else []), *result[at + 1 :]]


# --- the products ---
def combined(parts, outputs):
    rest = list(parts)
    for first, second in order(parts, outputs):
        (t, labels), (other, theirs) = rest[first], rest[second]
        rest = [part for i, part in enumerate(rest) if i not in (first, second)]
        needed = {*outputs, *(name for _, later in rest for name in later)}
        rest.append(pair(t, labels, other, theirs, needed, outputs))
    ((t, labels),) = rest
    t, labels = summed(t, labels, set(outputs))
    if labels != outputs:
        t = t.permute([labels.index(name) for name in outputs])
    if len(parts) > 1 and not {name for _, mine in parts for name in mine} <= set(outputs):
        t = without_summed(t)
    return t


def without_summed(t):
    """The result as torch leaves it: there the summed dimensions are of size 1 until the last node, a view, drops them."""
    if t._fn is None or t.grad_fn.name() == "ViewBackward0":
        return t
    return named(t.view(t.shape), "ViewBackward0")


def order(parts, outputs):
    """Which two operands are taken, step by step; their product comes last among those that are left."""
    count = len(parts)
    if count > 2 and knows_orders():
        return cheapest_order(parts, outputs)
    return [(left - 1, 0) if left < count else (0, 1) for left in range(count, 1, -1)]


@functools.cache
def knows_orders():
    return importlib.util.find_spec("opt_einsum") is not None


def cheapest_order(parts, outputs):
    import opt_einsum

    symbols = {}
    for _, labels in parts:
        for name in labels:
            symbols.setdefault(name, opt_einsum.get_symbol(len(symbols)))
    inputs = ",".join("".join(symbols[name] for name in labels) for _, labels in parts)
    equation = f"{inputs}->{''.join(symbols[name] for name in outputs)}"
    path, _ = opt_einsum.contract_path(equation, *(tuple(t.shape) for t, _ in parts), shapes=True)
    return [tuple(taken) for taken in path]


def summed(t, labels, needed):
    """The operand summed over what is not needed."""
    gone = tuple(i for i, name in enumerate(labels) if name not in needed)
    return (r.sum(t, gone), [name for name in labels if name in needed]) if gone else (t, labels)


def pair(x, of_x, y, of_y, needed, outputs):
    """The product of two operands, summed over the labels of both that are not needed."""
    x, of_x = summed(x, of_x, needed | set(of_y))
    y, of_y = summed(y, of_y, needed | set(of_x))
    batch = [name for name in of_x if name in of_y and name in needed]
    inner = [name for name in of_x if name in of_y and name not in needed]
    of_x_only, of_y_only = (
        [name for name in mine if name not in theirs] for mine, theirs in ((of_x, of_y), (of_y, of_x))
    )
    if not inner:
        made = [*batch, *of_x_only, *of_y_only]
        return product(x, of_x, y, of_y, [name for name in outputs if name in made] if needed <= {*outputs} else made)
    size = {**dict(zip(of_x, x.shape, strict=True)), **dict(zip(of_y, y.shape, strict=True))}
    left = blocks(x, of_x, (batch, of_x_only, inner), size)
    right = blocks(y, of_y, (batch, inner, of_y_only), size)
    made = [*batch, *of_x_only, *of_y_only]
    return bmm(left, right).reshape([size[name] for name in made]), made


def product(x, of_x, y, of_y, made):
    """The product of elements, without a sum."""
    return aligned(x, of_x, made) * aligned(y, of_y, made), made


def aligned(t, labels, made):
    """The dimensions in the order of ``made``, with size 1 where the operand has none."""
    t = t.permute([labels.index(name) for name in made if name in labels])
    sizes = iter(t.shape)
    return t.reshape([next(sizes) if name in labels else 1 for name in made])


def blocks(t, labels, groups, size):
    """The operand with three dimensions, one for each group of labels."""
    order = [labels.index(name) for group in groups for name in group]
    lengths = []
    for group in groups:
        length = 1
        for name in group:
            length *= size[name]
        lengths.append(length)
    return t.permute(order).reshape(lengths)
