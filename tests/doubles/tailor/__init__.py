"""A double of the platform's secret manager: the Connect protocol with JSON over HTTP/1.1."""

from tests.doubles.tailor.connect import error_reply
from tests.doubles.tailor.double import TailorDouble

__all__ = ["TailorDouble", "error_reply"]
