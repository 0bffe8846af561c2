"""allow_mutation_on_saved_tensors: what a node saved is copied when it is about to be overwritten."""

import weakref

from .recording import BEFORE_WRITE, OBSERVERS, watch


class allow_mutation_on_saved_tensors:
    """A block in which in-place ops may overwrite what nodes recorded inside it have saved.

    ``with`` gives an object whose ``clear()`` forgets what was saved so far.

    Raises:
        RuntimeError: blocks are nested.

    Example:
        >>> import plugrad
        >>> x = plugrad.ones(2, requires_grad=True)
        >>> with plugrad.autograd.graph.allow_mutation_on_saved_tensors():
        ...     y = x.clone()
        ...     z = (y**2).sum()
        ...     _ = y.sin_()
        ...     z.backward()
        >>> x.grad
        tensor([2., 2.])
    """

    def __enter__(self):
        if BEFORE_WRITE:
            raise RuntimeError("allow_mutation_on_saved_tensors contexts cannot be nested")
        self.saved = SavedByVersion()
        OBSERVERS.append(self.saved.note)
        BEFORE_WRITE.append(self.saved.copy_what_is_in)
        watch(+1)
        return self.saved

    def __exit__(self, *exception):
        watch(-1)
        BEFORE_WRITE.clear()
        OBSERVERS.remove(self.saved.note)
        self.saved.clear()


class SavedByVersion:
    """Which nodes have saved arrays of which memory, told apart by its Version."""

    def __init__(self):
        self.places = {}

    def clear(self):
        """Forget all; what is overwritten then makes backward raise."""
        self.places.clear()

    def note(self, node):
        """Remember what a new node has saved."""
        for name in node.saved_arrays:
            self.add(getattr(node, name + "_v", None), node, name)
        for i, kept in enumerate(getattr(node, "saved", ())):
            self.add(getattr(kept, "version", None), node, i)

    def add(self, version, node, place):
        if version is not None:
            _, places = self.places.setdefault(id(version), (version, []))
            places.append((weakref.ref(node), place))

    def copy_what_is_in(self, tensor):
        """Before a write into ``tensor``: let the nodes that saved its memory have copies."""
        _, places = self.places.pop(id(tensor._v), (None, ()))
        for reference, place in places:
            node = reference()
            if node is not None:
                copy_saved(node, place, tensor._v)


def copy_saved(node, place, version):
    if isinstance(place, int):
        copy_saved_of_function(node, place)
    elif getattr(node, place + "_v", None) is version:
        setattr(node, place, node.xp.copy(getattr(node, place)))
        setattr(node, place + "_v", None)


def copy_saved_of_function(node, number):
    from .function import SavedPacked

    kept = list(node.saved)
    if kept:  # nothing is left after the node was freed
        hooks = (lambda t: t.detach().clone(), lambda t: t)
        kept[number] = SavedPacked(kept[number].unpack(node), kept[number].output, hooks)
        node.saved = tuple(kept)


__all__ = ["allow_mutation_on_saved_tensors"]
