"""Paths of the tree and canonical URIs, and how a URI goes over the wire."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvtui.backends.crud.backend import CrudBackend
from kvtui.backends.crud.places import Places
from kvtui.domain.canonical_uri import CanonicalUri
from kvtui.domain.errors import InvalidPath, NotFound
from tests.crud.places import APP, APP_URI, ENV, fields
from tests.doubles.crud import CrudDouble

segments = st.lists(st.from_regex(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,5}", fullmatch=True), min_size=2, max_size=5)


@given(st.sampled_from(["openbao+kv2", "hashicorp+kv2", "yaml", "file", "bootstrap", "db+cred"]), segments)
def test_a_path_and_its_uri_are_the_same_place(scheme: str, names: list[str]) -> None:
    path = "/".join([scheme, *names])
    if ".." in path:
        return
    at = Places().new(path)
    assert str(at.uri) == f"{scheme}://{'/'.join(names)}"
    assert Places().path(at.uri) == path


@given(segments)
def test_below_a_root_of_its_own_a_path_is_what_is_left_of_the_uri(names: list[str]) -> None:
    root = CanonicalUri.parse("yaml://dev/team")
    path = "/".join(names)
    if ".." in path:
        return
    places = Places(root=root)
    assert str(places.new(path).uri) == f"yaml://dev/team/{path}"
    assert places.path(places.new(path).uri) == path
    for other in ("yaml://dev/teams/x", "yaml://dev", "openbao+kv2://dev/team/x"):
        assert places.path(CanonicalUri.parse(other)) is None


@pytest.mark.parametrize(
    "path",
    [
        "app",
        "openbao+kv2",
        "openbao/secret/a",
        "openbao+kv1/secret/a",
        "OPENBAO+kv2/secret/a",
        "s3/secret/a",
        "openbao+kv2/secret",
        "openbao+kv2/secret/a b",
        "openbao+kv2/secret/a#token",
        "openbao+kv2/secret/a?version=1",
        "openbao+kv2/secret/a..b",
        "openbao+kv2/secret/%2e",
        "openbao+kv2/secret/*",
        "openbao+kv2/secret/" + "x" * 400 + "/x" * 1838,
    ],
)
def test_nothing_is_at_a_path_that_no_uri_can_name_and_nothing_is_sent(
    crud: CrudDouble, backend: CrudBackend, path: str
) -> None:
    with pytest.raises(NotFound):
        backend.read(path)
    with pytest.raises(InvalidPath):
        backend.write(path, fields(value="x"))
    with pytest.raises(NotFound):
        backend.delete(path)
    assert not crud.requests


def test_every_uri_is_sent_whole_and_encoded(crud: CrudDouble, backend: CrudBackend) -> None:
    """Sent as it is, `+` would be a space, and all from `#` on would be lost with the version."""
    backend.write(APP, fields(token="t"))
    backend.write(APP, fields(token="u"))
    backend.write(ENV, fields(A="1"))
    assert backend.read(APP, 1).fields["token"].same_as(fields(token="t")["token"])
    backend.read(ENV)
    backend.delete(APP)
    with_uri = [request.target for request in crud.requests if "uri=" in request.target]
    assert any("version=1" in target for target in with_uri)
    for target in with_uri:
        sent = target.partition("uri=")[2].partition("&")[0]
        assert sent in {quote(uri, safe="") for uri in (APP_URI, "yaml://secret/env", "yaml://secret")}
    assert not any("#" in request.target or "+" in request.target for request in crud.requests)
    assert not any(request.path.endswith("/") for request in crud.requests)  # answered with a redirect


def test_how_others_name_a_secret_and_a_field(backend: CrudBackend) -> None:
    assert backend.references(APP) == (APP_URI,)
    assert backend.references(APP, "token") == (f"{APP_URI}#token",)
    assert backend.references(APP, "a#b") == ()
    assert backend.references("nothing") == ()
