"""Run a command in a container or a conda environment by wrapping its argv."""

__version__ = "0.2.0"
