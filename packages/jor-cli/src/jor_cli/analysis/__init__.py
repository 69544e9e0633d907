"""What a report shows of a sweep, in numbers that stay few however many jobs there are."""
