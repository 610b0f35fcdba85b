"""A small case system: the embedded default, and the other side of the contract's tests."""
