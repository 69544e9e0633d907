"""Jobs by joblib, in processes that live on: `python joblib_jobs.py KIND FOLDER JOBS WORKERS`."""

import sys

from joblib import Parallel, delayed
from one_job import work

if __name__ == "__main__":
    kind, folder, jobs, workers = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    Parallel(n_jobs=workers)(delayed(work)(kind, folder, index) for index in range(jobs))
