"""Slurm: job arrays requested, submitted, followed."""
