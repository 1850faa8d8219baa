"""A double of the CRUDService secrets API: canonical URIs over a YAML file and KVv2 providers."""

from tests.doubles.crud.access import SCOPES
from tests.doubles.crud.double import CrudDouble
from tests.doubles.crud.settings import Settings, Shape

__all__ = ["SCOPES", "CrudDouble", "Settings", "Shape"]
