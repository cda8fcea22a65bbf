"""What several tests use. What may live here: no test."""
