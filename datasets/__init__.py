"""Readers, writers and generators of data, and the small committed samples."""
