"""HashiCorp Vault and OpenBao: every KV mount the token reaches, as one tree.

factory   settings, environment, signing in
backend   the contract: which mount a path is in, and what its engine can do
kv1, kv2  the two engines, behind one face
mounts    which mounts there are, with as little right as possible
labels    metadata as custom_metadata
api       requests, envelopes, errors
"""
