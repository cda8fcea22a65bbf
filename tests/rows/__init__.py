"""Rows of connections."""
