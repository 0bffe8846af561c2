"""What a distribution does, asked in the same way for all of them: a program for golden outcomes."""

import re

#: What is asked for without arguments.
PLAIN = (
    "batch_shape",
    "event_shape",
    "mean",
    "mode",
    "variance",
    "stddev",
    "support",
    "has_rsample",
    "has_enumerate_support",
)


def tried(function):
    """The result, or the name and text of the error."""
    try:
        return function()
    except Exception as error:
        return type(error).__name__, re.sub(r"(torch|plugrad)\.(\w+\.)*(?=[A-Z])", "", str(error))


def detached(value):
    return value.detach() if hasattr(value, "detach") else value


def leaves_of(t, parameters, dtype):
    """The parameters, floats and lists of floats, as tensors that require grad."""
    made = {}
    for name, value in parameters.items():
        is_list = isinstance(value, list)
        made[name] = t.tensor(value, dtype=getattr(t, dtype)).requires_grad_() if is_list else value
    return made


def tensors(made):
    return [v for v in made.values() if hasattr(v, "requires_grad")]


def gradients(t, result, leaves):
    """The gradients of a weighted sum, for those leaves that it depends on."""
    if not result.requires_grad:
        return None
    weights = t.arange(result.numel(), dtype=result.dtype).reshape(result.shape) % 3 + 1
    return list(t.autograd.grad((result * weights).sum(), leaves, allow_unused=True, retain_graph=True))


def asked(t, distribution, leaves, values, probabilities):
    """Everything that a distribution says of itself and of values."""
    found = {"repr": repr(distribution)}
    for name in PLAIN:
        found[name] = tried(lambda name=name: detached(getattr(distribution, name)))
    for name in ("entropy", "perplexity"):
        found[name] = tried(lambda name=name: detached(getattr(distribution, name)()))
    found["entropy gradient"] = tried(lambda: gradients(t, distribution.entropy(), leaves))
    values = t.tensor(values, dtype=leaves[0].dtype if leaves else t.float32)
    found["log_prob"] = tried(lambda: detached(distribution.log_prob(values)))
    found["log_prob gradient"] = tried(lambda: gradients(t, distribution.log_prob(values), leaves))
    found["cdf"] = tried(lambda: detached(distribution.cdf(values)))
    found["icdf"] = tried(lambda: detached(distribution.icdf(t.tensor(probabilities, dtype=values.dtype))))
    found["enumerate"] = tried(lambda: distribution.enumerate_support())
    found["enumerate short"] = tried(lambda: distribution.enumerate_support(expand=False))
    return found


def drawn(t, distribution, leaves):
    """Samples with a seed, how they depend on the parameters, and the stream's next number."""
    found = {}
    for shape in ((), (2,), (3, 2)):
        t.manual_seed(7)
        found[f"sample {shape}"] = tried(lambda shape=shape: distribution.sample(shape))
        found[f"next {shape}"] = t.rand(1)
    t.manual_seed(11)
    found["rsample"] = tried(lambda: detached(distribution.rsample((4,))))
    t.manual_seed(11)
    found["rsample gradient"] = tried(lambda: gradients(t, distribution.rsample((4,)), leaves))
    return found


def expanded(t, distribution, shape):
    """The distribution with a larger batch."""

    def program():
        wide = distribution.expand(t.Size(shape))
        t.manual_seed(3)
        sample = wide.sample()
        log_prob = tried(lambda: detached(wide.log_prob(sample)))
        return type(wide).__name__, repr(wide), wide.batch_shape, wide.event_shape, sample, log_prob

    return tried(program)


def program(kind, parameters, values, probabilities=(0.25, 0.5), dtype="float32", batch=(3, 2), without=(), **options):
    """A program that asks one distribution all of this.

    Args:
        kind: the class's name, or a function of the namespace and the parameters.
        without: questions to leave out.
    """

    def run(t):
        made = leaves_of(t, parameters, dtype)
        make = getattr(t.distributions, kind) if isinstance(kind, str) else lambda **given: kind(t, **given)
        distribution = make(**made, **options)
        leaves = tensors(made)
        found = asked(t, distribution, leaves, values, list(probabilities)) | drawn(t, distribution, leaves)
        found["expanded"] = expanded(t, distribution, batch)
        return {question: answer for question, answer in found.items() if question not in without}

    return run
