"""Whole screens: unlock, first run, main."""
