"""jor (JOb Runner) keeps track of jobs: what a job module needs, and the engine that runs its jobs."""

import os
import sys

if sys.argv[:1] == ["-m"] and sys.path and sys.path[0] in ("", os.getcwd()):
    del sys.path[0]  # `python -m jor`, or jor_cli: what lies where it was started takes no module's place

from .errors import (
    BusyError,
    CollectError,
    ConfigError,
    JobargsError,
    JobModuleError,
    JorError,
    Mistakes,
    RecordError,
    TodoError,
)
from .runtime.grid import grid
from .runtime.jobs import JobsBase

__version__ = "0.2.0"

__all__ = [
    "BusyError",
    "CollectError",
    "ConfigError",
    "JobModuleError",
    "JobargsError",
    "JobsBase",
    "JorError",
    "Mistakes",
    "RecordError",
    "TodoError",
    "__version__",
    "grid",
]
