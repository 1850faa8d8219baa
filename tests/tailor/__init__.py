"""The adapter of Tailor Platform's secret manager, against a double of it."""
