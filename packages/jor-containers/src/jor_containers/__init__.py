"""Run a command in a container or a conda environment by wrapping its argv."""

from .errors import ContainerError
from .wrapping import Native, Nested, Wrapper

__version__ = "0.2.0"

__all__ = ["ContainerError", "Native", "Nested", "Wrapper", "__version__"]
