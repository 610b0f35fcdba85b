"""Resumable uploads (tus 1.0), kept as parts in the storage until something uses them."""
