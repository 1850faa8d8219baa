"""Every kind of store side by side: the same commands on each, and secrets carried from one to another."""
