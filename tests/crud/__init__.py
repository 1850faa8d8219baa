"""The adapter of the secrets API of canonical URIs, against its double."""
