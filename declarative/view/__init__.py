"""Turns values into text and JSON. Nothing here prints."""
