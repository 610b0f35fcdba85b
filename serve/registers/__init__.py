"""The city's registers: read, checked, versioned, and what they say of findings."""
