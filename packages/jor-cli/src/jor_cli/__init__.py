"""jor (JOb Runner) keeps track of jobs: the command `jor`."""

import jor as _jor  # noqa: F401 # before all else: it takes the folder in which `python -m` was started off sys.path

__version__ = "0.2.0"

__all__ = ["__version__"]
