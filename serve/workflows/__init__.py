"""What takes long, as durable workflows of steps that may be run again."""
