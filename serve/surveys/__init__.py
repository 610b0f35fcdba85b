"""Surveys: from an upload to a checked orthophoto, and from two of those to findings."""
