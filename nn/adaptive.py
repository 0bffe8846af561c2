"""The adaptive softmax: a loss for many classes of which a few are frequent."""

from collections import namedtuple

from ..core.create import tensor, zeros
from ..core.ops.join import cat
from .container import ModuleList, Sequential
from .functional import log_softmax
from .linear import Linear
from .module import Module

__all__ = ["AdaptiveLogSoftmaxWithLoss"]

_ASMoutput = namedtuple("_ASMoutput", ["output", "loss"])


class AdaptiveLogSoftmaxWithLoss(Module):
    """Negative log likelihood of classes that lie in clusters, the rarer the class the smaller the layers for its cluster.

    With a cluster k for class c: log p(c) = log softmax(head(x))[k] + log softmax(tail_k(x))[c]; classes below the first
    cutoff are in the head itself. The targets are read by the host, once a call.

    Args:
        in_features: size of the inputs.
        n_classes: how many classes, the most frequent ones first.
        cutoffs: the first class of each cluster, increasing.
        div_value: cluster k goes through in_features / div_value^(k+1) numbers.
        head_bias: whether the head adds a bias.

    Shapes:
        input (N, in_features), target (N) → output (N), loss (); or (in_features), () → (), ()

    Raises:
        ValueError: the cutoffs are not increasing whole numbers from 1 to n_classes - 1.
        RuntimeError: shapes do not fit, or a target is not a class.

    Source: Grave et al., Efficient softmax approximation for GPUs, 2017.

    Example:
        >>> import plugrad
        >>> m = plugrad.nn.AdaptiveLogSoftmaxWithLoss(16, 10, cutoffs=[2, 5])
        >>> m(plugrad.ones(3, 16), plugrad.tensor([0, 4, 9])).output.shape
        torch.Size([3])
    """

    def __init__(self, in_features, n_classes, cutoffs, div_value=4.0, head_bias=False, device=None, dtype=None):
        super().__init__()
        cutoffs = list(cutoffs)
        _check_cutoffs(cutoffs, n_classes)
        self.in_features = in_features
        self.n_classes = n_classes
        self.cutoffs = [*cutoffs, n_classes]
        self.div_value = div_value
        self.head_bias = head_bias
        self.shortlist_size = self.cutoffs[0]
        self.n_clusters = len(self.cutoffs) - 1
        self.head_size = self.shortlist_size + self.n_clusters
        self.head = Linear(in_features, self.head_size, bias=head_bias, device=device, dtype=dtype)
        self.tail = ModuleList()
        for i in range(self.n_clusters):
            inner = int(in_features // (div_value ** (i + 1)))
            size = self.cutoffs[i + 1] - self.cutoffs[i]
            self.tail.append(
                Sequential(
                    Linear(in_features, inner, bias=False, device=device, dtype=dtype),
                    Linear(inner, size, bias=False, device=device, dtype=dtype),
                )
            )

    def reset_parameters(self):
        """Draw new initial values."""
        self.head.reset_parameters()
        for down, up in self.tail:
            down.reset_parameters()
            up.reset_parameters()

    def forward(self, input_, target_):
        is_batched = _check_target(input_, target_)
        input, target = (input_, target_) if is_batched else (input_.unsqueeze(0), target_.unsqueeze(0))
        places, rows = self._clusters(target.tolist())
        output = zeros(target.shape, dtype=input.dtype, device=input.device)
        for i in range(1, self.n_clusters + 1):
            if rows[i]:
                at = tensor(rows[i], device=input.device)
                within = (target[at] - self.cutoffs[i - 1]).unsqueeze(1)
                logs = log_softmax(self.tail[i - 1](input.index_select(0, at)), dim=1)
                output = output.index_copy(0, at, logs.gather(1, within).squeeze(1))
        logs = log_softmax(self.head(input), dim=1)
        output = output + logs.gather(1, places.to(input.device).unsqueeze(1)).squeeze(1)
        loss = (-output).mean()
        return _ASMoutput(output if is_batched else output.squeeze(0), loss)

    def _clusters(self, targets):
        """(the head's class of each target, and the numbers of the examples in the head and in each cluster)."""
        rows = [[] for _ in self.cutoffs]
        places = []
        for n, value in enumerate(targets):
            if not 0 <= value < self.n_classes:
                raise RuntimeError(
                    f"Target values should be in [0, {self.n_classes - 1}], but values in range [{min(targets)}, {max(targets)}] were "
                    "found. "
                )
            i = next(k for k, end in enumerate(self.cutoffs) if value < end)
            rows[i].append(n)
            places.append(value if i == 0 else self.shortlist_size + i - 1)
        return tensor(places).long(), rows

    def _full_log_prob(self, input, head_output):
        logs = log_softmax(head_output, dim=1)
        parts = [logs[:, : self.shortlist_size]]
        for i, tail in enumerate(self.tail):
            parts.append(log_softmax(tail(input), dim=1) + logs[:, self.shortlist_size + i].unsqueeze(1))
        return cat(parts, dim=1)

    def log_prob(self, input):
        """Log probabilities of all classes: (N, in_features) → (N, n_classes)."""
        return self._full_log_prob(input, self.head(input))

    def predict(self, input):
        """The class of the highest probability in the head, or in all clusters where the head names a cluster: (N)."""
        head_output = self.head(input)
        output = head_output.argmax(dim=1)
        rows = [n for n, value in enumerate(output.tolist()) if value >= self.shortlist_size]
        if not rows:
            return output
        at = tensor(rows, device=input.device)
        return output.index_copy(0, at, self._full_log_prob(input[at], head_output[at]).argmax(dim=1))


def _check_cutoffs(cutoffs, n_classes):
    if not cutoffs:
        raise ValueError("cutoffs should be a sequence of length larger than 0")
    if (
        cutoffs != sorted(set(cutoffs))
        or cutoffs[0] <= 0
        or cutoffs[-1] > n_classes - 1
        or any(int(c) != c for c in cutoffs)
    ):
        raise ValueError(
            "cutoffs should be a sequence of unique, positive integers sorted in an increasing order, where each value is between "
            "1 and n_classes-1"
        )


def _check_target(input, target):
    """Whether there is a batch."""
    if target.dim() == 1:
        if input.shape[0] != target.shape[0]:
            raise RuntimeError("Input and target should have the same size in the batch dimension.")
        return True
    if target.dim() > 1:
        raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
    if input.dim() != 1:
        raise RuntimeError(f"0D target tensor expects 1D input tensors, but found inputs with size {input.size()}")
    return False
