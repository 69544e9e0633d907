"""jor (JOb Runner) keeps track of jobs: the command `jor`."""

__version__ = "0.2.0"

__all__ = ["__version__"]
