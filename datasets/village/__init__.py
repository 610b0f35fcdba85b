"""A procedural village at two dates: a sample pair of drone surveys with known changes."""
