"""What a gateway must hide, and what only looks so: made at test time, so that no secret stands in a file."""
