"""What is on disk: submissions, the lease of who plans, and what journals say."""
