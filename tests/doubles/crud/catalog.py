"""Looking for secrets: listing and search, which never show a value."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from tests.doubles.crud.access import Caller
from tests.doubles.crud.service import Service
from tests.doubles.crud.uri import Uri, bad
from tests.doubles.crud.wire import Json, unsupported


def listed(service: Service, caller: Caller, prefix: Uri) -> list[Json]:
    """Every key below a prefix of the YAML file. Raises Failed(501) for other providers."""
    if not service.is_yaml(prefix):
        raise unsupported(f"metadata listing not supported for provider {prefix.provider}")
    return service.look(caller, prefix, lambda: list(_keys(service, prefix)))


def names(service: Service, caller: Caller, uri: Uri) -> list[str]:
    """What is directly below, keys and maps alike."""
    if not service.is_yaml(uri):
        raise unsupported(f"keys not supported for provider {uri.provider}")
    return service.look(caller, uri, lambda: list(service.yaml.node(uri)))


def found(service: Service, caller: Caller, query: str, prefix: Uri | None) -> list[Json]:
    """The YAML file's keys and paths, deep; of KVv2 only names directly below the prefix or mount."""
    if not query:
        raise bad("INVALID_QUERY", "q must not be empty")
    if prefix is not None:
        return service.look(caller, prefix, partial(_matches, service, query, prefix))
    starts = [Uri("yaml", None, mount, None, ()) for mount in service.settings.mounts or service.yaml.root]
    for provider, cluster in service.clusters.items():
        mounts = service.settings.mounts or sorted({path.split("/")[0] for path in cluster.secrets})
        starts += [Uri(provider, "kv2", mount, None, ()) for mount in mounts]
    hits: list[Json] = []
    for start in starts:
        if start.provider in service.settings.providers:
            hits += service.look(caller, start, partial(_matches, service, query, start))
    return hits


def _keys(service: Service, prefix: Uri) -> Iterator[Json]:
    for location, key in service.yaml.leaves(prefix.segments):
        yield {"uri": f"yaml://{location}#{key}", "provider": "yaml", "path": location, "key": key}


def _matches(service: Service, query: str, prefix: Uri) -> list[Json]:
    asked = query.lower()
    if service.is_yaml(prefix):
        return [item for item in _keys(service, prefix) if asked in f"{item['path']}#{item['key']}".lower()]
    cluster = service.kv2(prefix, "search")
    if not service.settings.searches_kv2:
        raise unsupported(f"search not supported for provider {prefix.provider}")
    paths = [f"{prefix.location}/{name}" for name in cluster.names(prefix.location) if asked in name.lower()]
    return [{"uri": f"{prefix.provider}+kv2://{path}", "provider": prefix.provider, "path": path} for path in paths]
