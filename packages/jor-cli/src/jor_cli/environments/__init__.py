"""Where jobs run: the command of a worker in a container or conda environment, and how that is recorded."""
