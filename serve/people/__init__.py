"""Who uses CityEye: passwords, sessions, tokens."""
