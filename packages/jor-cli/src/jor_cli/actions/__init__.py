"""What the commands do: run, wait, watch, check, try, collect, read logs."""
