"""Job modules, todo-lists and the engine that runs their jobs."""

__version__ = "0.2.0"
