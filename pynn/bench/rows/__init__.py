"""A module a family: the rows of its table."""
