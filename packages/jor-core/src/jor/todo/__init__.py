"""The todo-list: from YAML to entries."""
