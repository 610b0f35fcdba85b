"""The rules that watch over zones: parking, vending and muck trucks."""

from vision.camera.rules.book import ZoneBook, needed_step_s

__all__ = ["ZoneBook", "needed_step_s"]
