"""Jobs by submitit, as an array of one job a task: `python submitit_jobs.py KIND FOLDER JOBS local|slurm`."""

import sys
from functools import partial

import cloudpickle
import one_job
import submitit

if __name__ == "__main__":
    kind, folder, jobs, cluster = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
    cloudpickle.register_pickle_by_value(one_job)  # jobs do not find it otherwise
    executor = submitit.AutoExecutor(folder="logs", cluster=cluster)
    executor.update_parameters(timeout_min=10, mem_gb=0.1, slurm_array_parallelism=jobs)
    for job in executor.map_array(partial(one_job.work, kind, folder), range(jobs)):
        job.result()
