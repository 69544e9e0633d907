"""Slurm from Python: submit job arrays, follow them, read why tasks failed, cancel them."""

from .arrays import MAX_INDEX, IndexSet
from .cache import Cache
from .commands import Accounting, ArrayId, Queue, Slurm, patiently
from .errors import (
    AccountLimitError,
    CommandError,
    IndexSetError,
    LimitError,
    MissingError,
    OptionError,
    RefusedError,
    SlurmError,
    UnconfirmedError,
    UnitError,
    UnreachableError,
)
from .limits import Limits
from .options import SbatchOptions, literal
from .parsing import AccountingRecord, QueueRecord
from .polling import Snapshot, Task, watch
from .script import ARRAY_TASK_ID, END_TIME, JOB_ID, PROLOGUE_ENDED, RESTART_COUNT, START_TIME, Variable, batch_script
from .states import ExitCode, JobState, why_stuck
from .units import format_memory, format_time, parse_memory, parse_time

__version__ = "0.2.0"

__all__ = [
    "ARRAY_TASK_ID",
    "END_TIME",
    "JOB_ID",
    "MAX_INDEX",
    "PROLOGUE_ENDED",
    "RESTART_COUNT",
    "START_TIME",
    "AccountLimitError",
    "Accounting",
    "AccountingRecord",
    "ArrayId",
    "Cache",
    "CommandError",
    "ExitCode",
    "IndexSet",
    "IndexSetError",
    "JobState",
    "LimitError",
    "Limits",
    "MissingError",
    "OptionError",
    "Queue",
    "QueueRecord",
    "RefusedError",
    "SbatchOptions",
    "Slurm",
    "SlurmError",
    "Snapshot",
    "Task",
    "UnconfirmedError",
    "UnitError",
    "UnreachableError",
    "Variable",
    "__version__",
    "batch_script",
    "format_memory",
    "format_time",
    "literal",
    "parse_memory",
    "parse_time",
    "patiently",
    "watch",
    "why_stuck",
]
