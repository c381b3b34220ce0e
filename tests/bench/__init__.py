"""Measurements, never tests: a figure that wobbles with the machine proves nothing about the code."""
