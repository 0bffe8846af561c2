"""The schema of a custom op, made of its function's annotations: ``(Tensor x, SymInt n=2) -> Tensor``."""

import collections.abc
import inspect
import typing
from types import GenericAlias

from .device import device
from .dtypes import dtype
from .tensor import Tensor

Number = typing.Union[int, float, bool]  # noqa: UP007 - an annotation that is compared with others

#: Type, its name in a schema, and whether there are T[], T?[] and T[]? of it.
KINDS = (
    (Tensor, "Tensor", True, True, False),
    (int, "SymInt", True, False, True),
    (float, "float", True, False, True),
    (bool, "bool", True, False, True),
    (str, "str", False, False, False),
    (Number, "Scalar", True, False, False),
    (dtype, "ScalarType", False, False, False),
    (device, "Device", False, False, False),
)


def sequences(kind):
    return (
        typing.Sequence[kind],
        typing.List[kind],  # noqa: UP006
        GenericAlias(collections.abc.Sequence, (kind,)),
        GenericAlias(list, (kind,)),
    )


def forms_of(kind, name, lists, lists_of_optional, optional_lists):
    """All annotations that a kind of value allows, with their names in a schema."""
    maybe = typing.Optional[kind]  # noqa: UP045
    forms = {kind: name, maybe: f"{name}?"}
    if lists:
        forms |= dict.fromkeys(sequences(kind), f"{name}[]")
    if lists_of_optional:
        forms |= dict.fromkeys(sequences(maybe), f"{name}?[]")
    if optional_lists:
        forms |= {typing.Optional[many]: f"{name}[]?" for many in sequences(kind)}  # noqa: UP045
    return forms


ARGUMENTS = {form: name for kind in KINDS for form, name in forms_of(*kind).items()}
RESULTS = {
    Tensor: "Tensor",
    typing.List[Tensor]: "Tensor[]",  # noqa: UP006
    list[Tensor]: "Tensor[]",
    int: "SymInt",
    float: "float",
    bool: "bool",
    Number: "Scalar",
}


def infer_schema(prototype_function, /, *, mutates_args, op_name=None, tags=()):
    """Return the schema of a function as text.

    Args:
        prototype_function: every argument and the result are annotated.
        mutates_args: names of the tensor arguments that it writes into, or "unknown" for all of them.
        op_name: put before the arguments.
        tags: none are supported.

    Raises:
        ValueError: an annotation is missing or not supported, or mutates_args names no tensor argument.
        NotImplementedError: tags.

    Example:
        >>> import plugrad
        >>> from plugrad.library import infer_schema
        >>> def scaled(x: plugrad.Tensor, factor: float = 2.0) -> plugrad.Tensor:
        ...     return x * factor
        >>> infer_schema(scaled, mutates_args=())
        '(Tensor x, float factor=2.0) -> Tensor'
    """
    if tags:
        raise NotImplementedError("infer_schema: tags are not supported")
    signature = inspect.signature(prototype_function)
    reader = Reader(signature, getattr(prototype_function, "__globals__", {}))
    return f"{op_name or ''}({', '.join(reader.arguments(mutates_args))}) -> {reader.result()}"


class Reader:
    """Reads one signature; errors show it."""

    def __init__(self, signature, names):
        self.signature = signature
        self.names = names

    def error(self, what):
        return ValueError(f"infer_schema(func): {what} Got func with signature {self.signature})")

    def arguments(self, mutated):
        if isinstance(mutated, str) and mutated != "unknown":
            raise ValueError(
                "mutates_args must either be a sequence of the names of the arguments that are mutated or the string 'unknown'. "
            )
        mutated = mutated if isinstance(mutated, str) else tuple(mutated)
        parts, star = [], False
        for i, (name, parameter) in enumerate(self.signature.parameters.items()):
            if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
                raise self.error("We do not support positional-only args, varargs, or varkwargs.")
            if parameter.kind == parameter.KEYWORD_ONLY and not star:
                parts.append("*")
                star = True
            kind = self.mutable(self.kind_of(name, parameter), name, i, mutated)
            parts.append(f"{kind} {name}{self.default(name, parameter)}")
        if mutated != "unknown":
            self.check_names(mutated)
        return parts

    def check_names(self, mutated):
        unknown = set(mutated) - set(self.signature.parameters)
        if unknown:
            raise self.error(
                f"{unknown} in mutates_args were not found in the custom op's signature. mutates_args should contain the names of all "
                "args that the custom op mutates, or just the string 'unknown' if you don't know."
            )

    def annotation(self, value):
        if not isinstance(value, str):
            return value
        try:
            return eval(value, dict(self.names))
        except Exception as error:
            raise self.error(f"Unsupported type annotation {value}. It is not a type. ({error}).") from error

    def kind_of(self, name, parameter):
        if parameter.annotation is parameter.empty:
            raise self.error(f"Parameter {name} must have a type annotation.")
        found = self.annotation(parameter.annotation)
        if found in ARGUMENTS:
            return ARGUMENTS[found]
        extra = ""
        if typing.get_origin(found) is tuple:
            extra = "We do not support Tuple inputs in schema. As a workaround, please try to use List instead. "
        raise self.error(
            f"Parameter {name} has unsupported type {parameter.annotation}. {extra}The valid types are: {ARGUMENTS.keys()}."
        )

    def mutable(self, kind, name, i, mutated):
        if mutated == "unknown":
            wanted = kind.startswith("Tensor")
        else:
            wanted = name in mutated
        if not wanted:
            return kind
        if not kind.startswith("Tensor"):
            raise self.error(
                f"Parameter {name} is in mutable_args but only Tensors or collections of Tensors can be mutated"
            )
        return f"Tensor(a{i}!){kind.removeprefix('Tensor')}"

    def default(self, name, parameter):
        value = parameter.default
        if value is parameter.empty:
            return ""
        if value is None or isinstance(value, (int, float, bool)):
            return f"={value}"
        if isinstance(value, (str, device)):
            return f'="{value}"'
        if isinstance(value, dtype):
            return f"={value.name}"
        raise self.error(f"Parameter {name} has an unsupported default value type {type(value)}.")

    def result(self):
        found = self.annotation(self.signature.return_annotation)
        if found is None:
            return "()"
        if found is inspect.Signature.empty:
            raise self.error("No return type annotation was provided. Please add one.")
        many = typing.get_args(found) if typing.get_origin(found) is tuple else (found,)
        if any(kind not in RESULTS for kind in many):
            raise self.error(f"Return has unsupported type {found}. The valid types are: {RESULTS}.")
        if typing.get_origin(found) is not tuple:
            return RESULTS[found]
        text = ", ".join(RESULTS[kind] for kind in many)
        return f"(({text}))" if len(many) == 1 else f"({text})"


__all__ = ["infer_schema"]
