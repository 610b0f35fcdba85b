"""The service around the computer vision: command line, settings, and in time the API."""
