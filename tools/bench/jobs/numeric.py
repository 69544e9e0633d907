"""Jobs whose module imports NumPy and SciPy; jor 0.1.2 runs them as well."""

import os

import numpy  # noqa: F401 # what it costs to import them is measured
import scipy.linalg
import scipy.optimize  # noqa: F401

import jor


class Jobs(jor.JobsBase):
    """`n` jobs."""

    name = "numeric"
    time = "0-00:10:00"
    mem = "500M"
    cpus_per_task = 1

    def __init__(self, n=3, path_prefix="."):
        super().__init__(path_prefix=path_prefix)
        self.n = int(n)
        self._mk_jobs()

    def _mk_jobs(self):
        self._jobs = [{"index": i} for i in range(self.n)]

    def _get_output_folder(self):
        return os.path.join(self.path_prefix, "outputs")

    def _get_output_fname(self, index):
        return f"{index}.txt"

    def execute(self, i):
        """Write the job's number."""
        with open(self._get_output_path(**self._jobs[i]), "w") as file:
            file.write(f"{i}\n")
