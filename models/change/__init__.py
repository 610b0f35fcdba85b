"""The learned change cue: its network and recipe; the weights and their card lie beside."""
