"""The computer vision of CityEye: arrays and values in, values out.

No HTTP, no database, no settings. Files are touched only by the readers and writers at the edge.
"""
