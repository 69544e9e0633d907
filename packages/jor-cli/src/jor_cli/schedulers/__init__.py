"""Batch systems that run jobs, and what they were asked."""
