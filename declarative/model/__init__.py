"""Frozen values without IO; see the modules."""
