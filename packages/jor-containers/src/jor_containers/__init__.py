"""Run a command in a container or a conda environment by wrapping its argv."""

from .conda import ACTIVATE, CondaEnvironment
from .discovery import find_environment
from .errors import ContainerError
from .wrapping import Native, Nested, Wrapper

__version__ = "0.2.0"

__all__ = [
    "ACTIVATE",
    "CondaEnvironment",
    "ContainerError",
    "Native",
    "Nested",
    "Wrapper",
    "__version__",
    "find_environment",
]
