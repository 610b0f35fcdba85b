"""How case systems are spoken to."""
