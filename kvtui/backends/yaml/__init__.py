"""A YAML file in plain text, for development."""

from kvtui.backends.yaml.factory import YamlFactory

__all__ = ["YamlFactory"]
