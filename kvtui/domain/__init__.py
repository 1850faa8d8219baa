"""What kvtui talks about: paths, secrets, versions, metadata, capabilities, errors, references. No I/O."""
