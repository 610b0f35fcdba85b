"""Readers and writers of the layouts that detectors and change models are trained from."""
