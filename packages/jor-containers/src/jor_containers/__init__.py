"""Run a command in a container or a conda environment by wrapping its argv."""

from .apptainer import ENTER, Apptainer, bound, stamp
from .conda import ACTIVATE, CondaEnvironment
from .discovery import Inside, find_image, find_program, labels, look_inside
from .environments import find_environment, find_environment_inside
from .errors import ContainerError
from .identity import Identity, identify
from .wrapping import Native, Nested, Wrapper

__version__ = "0.2.0"

__all__ = [
    "ACTIVATE",
    "ENTER",
    "Apptainer",
    "CondaEnvironment",
    "ContainerError",
    "Identity",
    "Inside",
    "Native",
    "Nested",
    "Wrapper",
    "__version__",
    "bound",
    "find_environment",
    "find_environment_inside",
    "find_image",
    "find_program",
    "identify",
    "labels",
    "look_inside",
    "stamp",
]
