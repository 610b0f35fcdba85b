"""The sample clip: rendered pictures put together into frames, encoded, with their truth."""
