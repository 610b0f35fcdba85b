"""Placing rendered objects into real road frames at plausible place, scale and light.

Training on pure renders alone does not carry over to cameras; real frames bring the noise, clutter
and light that renders lack, the renders bring the classes that no one publishes.
"""
