"""Street and survey scenes made from nothing: assets, light, cameras, and the stage for Blender.

Shapes, assets and cameras are plain numbers and need NumPy alone. Only :mod:`stage` needs Blender
as a module (``bpy``), which wants a virtual environment of its own: it is built for an older NumPy
than OpenCV.
"""
