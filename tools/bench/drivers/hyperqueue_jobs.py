"""Jobs by HyperQueue, a Python each, on a server of its own: `python hyperqueue_jobs.py KIND FOLDER JOBS WORKERS`."""

import os
import sys

from hyperqueue import Job, LocalCluster
from hyperqueue.cluster import WorkerConfig

if __name__ == "__main__":
    kind, folder, jobs, workers = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    program = os.path.join(os.path.dirname(os.path.abspath(__file__)), "one_job.py")
    with LocalCluster() as cluster:
        cluster.start_worker(WorkerConfig(cores=workers))
        client = cluster.client()
        job = Job()
        for index in range(jobs):
            job.program([sys.executable, program, kind, folder, str(index)], stdout=None, stderr=None)
        client.wait_for_jobs([client.submit(job)])
