"""The load-state classifier: its network and recipe; the weights and their card lie beside."""
