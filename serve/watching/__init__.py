"""Watching cameras as a service: who watches which, what is remembered, what is told."""
