"""Clips of made-up streets: rendered pictures put together into frames, with their truth."""
