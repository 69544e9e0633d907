"""jor (JOb Runner) keeps track of jobs: parameter sweeps on laptops and Slurm clusters."""

__version__ = "0.2.0"
