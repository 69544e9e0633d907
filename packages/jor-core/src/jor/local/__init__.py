"""Jobs on this machine: a pool of workers, fed one job at a time."""
