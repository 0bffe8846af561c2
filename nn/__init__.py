"""Layers, containers and losses: the modules of a model."""

from . import modules, utils
from .container import ModuleDict, ModuleList, Sequential
from .freeze import freeze, unfreeze
from .module import Module
from .parameter import Parameter
from .parameter_container import ParameterDict, ParameterList

__all__ = [
    "Module",
    "ModuleDict",
    "ModuleList",
    "Parameter",
    "ParameterDict",
    "ParameterList",
    "Sequential",
    "freeze",
    "modules",
    "unfreeze",
    "utils",
]
