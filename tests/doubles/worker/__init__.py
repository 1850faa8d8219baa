"""A double of the path-based secrets engine on Cloudflare Workers, behind Cloudflare Access."""

from tests.doubles.worker.access import Credentials
from tests.doubles.worker.double import WorkerDouble

__all__ = ["Credentials", "WorkerDouble"]
