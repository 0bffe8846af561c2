"""Optimizers, learning rate schedules, averages of weights.

What few programs use is imported when it is first asked for: together they would be a tenth of plugrad's import.
"""

from typing import TYPE_CHECKING

from ..core.lazy import names_of
from . import lr_scheduler
from .adam import Adam, AdamW
from .optimizer import Optimizer
from .sgd import SGD

if TYPE_CHECKING:
    from . import swa_utils
    from .adadelta import Adadelta
    from .adafactor import Adafactor
    from .adagrad import Adagrad
    from .adamax import Adamax
    from .asgd import ASGD
    from .lbfgs import LBFGS
    from .muon import Muon
    from .nadam import NAdam
    from .radam import RAdam
    from .rmsprop import RMSprop
    from .rprop import Rprop
    from .sparse_adam import SparseAdam
    from .swap import swap_in_optimizer_params_and_state

if not TYPE_CHECKING:  # a type checker would take every name for known
    __getattr__, __dir__ = names_of(
        __name__,
        {
            "ASGD": "asgd",
            "LBFGS": "lbfgs",
            "Adadelta": "adadelta",
            "Adafactor": "adafactor",
            "Adagrad": "adagrad",
            "Adamax": "adamax",
            "Muon": "muon",
            "NAdam": "nadam",
            "RAdam": "radam",
            "RMSprop": "rmsprop",
            "Rprop": "rprop",
            "SparseAdam": "sparse_adam",
            "swap_in_optimizer_params_and_state": "swap",
        },
        ("swa_utils",),
    )

__all__ = [
    "ASGD",
    "LBFGS",
    "SGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Muon",
    "NAdam",
    "Optimizer",
    "RAdam",
    "RMSprop",
    "Rprop",
    "SparseAdam",
    "lr_scheduler",
    "swa_utils",
    "swap_in_optimizer_params_and_state",
]
