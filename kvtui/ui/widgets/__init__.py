"""Widgets of kvtui's own: the path tree and the diff."""
