"""What is done, what is to run, and what others are making."""
