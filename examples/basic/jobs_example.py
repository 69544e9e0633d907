import pathlib

import jor


class Jobs(jor.JobsBase):
    # Slurm options
    name = "job"
    time = "0-23:59:59"
    mem = "5G"
    cpus_per_task = 1

    def __init__(self, n=3, path_prefix="."):
        # initialise the base class
        super().__init__(path_prefix=path_prefix)

        # store job-specific arguments
        self.n = int(n)

        # list the jobs
        self._mk_jobs()

    def _mk_jobs(self):
        """Set `self._jobs`: a dictionary of parameters for each job."""
        self._jobs = [{"index": i} for i in range(self.n)]

    def _get_output_folder(self):
        """Return the folder of all outputs: `path_prefix`, then a name that encodes the constructor's arguments."""
        output_folder = pathlib.Path(self.path_prefix) / f"example{self.n}"
        return str(output_folder)

    def _get_output_fname(self, index):
        """Return the name of one job's output; the arguments are the keys of its dictionary."""
        return f"ind{index}.txt"

    def execute(self, i):
        """Do the work of `self._jobs[i]`."""
        myargs = self._jobs[i]
        output_path = self._get_output_path(**myargs)

        # do the work and write what came out to `output_path`
        with open(output_path, "w") as f:
            f.write(str(myargs) + "\n")

    def collect(self):
        """Join all outputs into one file (optional)."""
        with open(pathlib.Path(self._get_output_folder()) / "all.txt", "w") as f:
            f.writelines(pathlib.Path(path).read_text() for path in self.existing_outputs)
