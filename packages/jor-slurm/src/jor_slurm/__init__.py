"""Slurm from Python: its index sets and units, checked before Slurm sees them."""

from .arrays import MAX_INDEX, IndexSet
from .errors import IndexSetError, SlurmError, UnitError
from .units import format_memory, format_time, parse_memory, parse_time

__version__ = "0.2.0"

__all__ = [
    "MAX_INDEX",
    "IndexSet",
    "IndexSetError",
    "SlurmError",
    "UnitError",
    "__version__",
    "format_memory",
    "format_time",
    "parse_memory",
    "parse_time",
]
