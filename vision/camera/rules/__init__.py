"""The rules that watch over zones: parking, vending and muck trucks."""

from vision.camera.rules.book import ZoneBook, needed_step_s
from vision.camera.rules.candidates import Standing

__all__ = ["Standing", "ZoneBook", "needed_step_s"]
