"""Slurm from Python: index sets, resources and their units."""

__version__ = "0.2.0"
