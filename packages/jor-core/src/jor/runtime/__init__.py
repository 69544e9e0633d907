"""The engine that executes jobs: the standard library alone, Python 3.8 or newer."""
