"""Comparing two drone surveys of the same ground."""
