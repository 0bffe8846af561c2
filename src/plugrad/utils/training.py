"""Comfort for training loops, without a framework on top: metrics, progress, CSV logs, early stopping, the best weights.

torch has no counterpart. It lies beside ``utils.data`` because it serves the same loop, in a module of its own because a
program that does not ask for it should not load it, and every part works without the others.
"""

from plugrad.core.training import (
    Accuracy,
    BestCheckpoint,
    CSVLogger,
    EarlyStopping,
    Mean,
    Perplexity,
    PlainProgress,
    progress,
)

__all__ = [
    "Accuracy",
    "BestCheckpoint",
    "CSVLogger",
    "EarlyStopping",
    "Mean",
    "Perplexity",
    "PlainProgress",
    "progress",
]
