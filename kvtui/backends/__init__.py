"""Adapters: one contract, one module or package for each kind of store, found by name in the registry."""
