"""What a training loop is usually given by hand: running metrics, progress, a table of figures, stopping, the best weights.

Nothing else in plugrad knows of these; the loop stays the user's.
"""

from .csv_log import CSVLogger
from .metrics import Accuracy, Mean, Perplexity
from .progress_bar import PlainProgress, progress
from .stopping import BestCheckpoint, EarlyStopping

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
