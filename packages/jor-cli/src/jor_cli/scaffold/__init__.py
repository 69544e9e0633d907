"""New projects: what `jor init` writes."""
