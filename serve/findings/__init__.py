"""Findings: how they are taken in, joined, asked for, reviewed and exported."""
