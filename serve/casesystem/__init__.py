"""A small reference case system: the embedded default, and the other side of the contract tests."""
