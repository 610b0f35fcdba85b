"""Training sets made from what reviewers decided."""
