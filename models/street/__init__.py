"""The street detector: its card, its weights, and what training it needs."""
