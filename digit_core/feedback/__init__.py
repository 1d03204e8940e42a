"""What people said of readings, right or wrong, in a database; and what there is to learn from it."""
