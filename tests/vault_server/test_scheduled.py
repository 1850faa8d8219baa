"""What is to be rotated is found without asking for one secret after the other, where the server lets it be."""

from __future__ import annotations

import pytest

from kvtui.domain.errors import PermissionDenied
from kvtui.domain.secret import EntryKind
from kvtui.services.left_out import LeftOut
from tests.doubles.vault import VaultDouble
from tests.vault_server.test_pages import backend


def fill(server: VaultDouble) -> None:
    """Twenty secrets in four folders, half of them with an interval, one of those deleted; and a mount without any."""
    for number in range(20):
        name = f"f{number % 4}/s{number:02}"
        server.write("secret", name, {"value": "x"})
        if number % 2:
            server.secrets_of("secret")[name].custom = {"rotation": "90d"}
    server.mount("old", version=1)
    server.write("old", "x", {"value": "x"})
    with backend(server.url, server.root_token) as store:
        store.delete("secret/f1/s01")


@pytest.mark.parametrize(("flavour", "most"), [("openbao", 4), ("vault", 32)])
def test_openbao_is_asked_a_few_times_for_all_of_them(flavour: str, most: int) -> None:
    with VaultDouble(flavour=flavour) as server:
        fill(server)
        with backend(server.url, server.root_token) as store:
            store.list()
            before = len(server.requests)
            found = list(store.scheduled())
            assert len(server.requests) - before <= most
        names = sorted(f"secret/f{number % 4}/s{number:02}" for number in range(3, 20, 2))
        assert [one.path for one in found] == names
        assert all(one.made_at is not None and one.metadata.rotation is not None for one in found)


def test_a_secret_whose_metadata_may_not_be_read_is_told_and_the_rest_comes() -> None:
    with VaultDouble(flavour="vault") as server:
        fill(server)
        server.policy("most", {"secret/*": ["read", "list"], "secret/metadata/f3/s03": ["deny"]})
        left_out = LeftOut()
        with backend(server.url, server.token("most")) as store:
            found = [one.path for one in store.scheduled("secret/f3", skipped=left_out)]
            assert found == [f"secret/f3/s{number:02}" for number in range(7, 20, 4)]
            assert [(what.path, what.kind) for what in left_out.places] == [("secret/f3/s03", EntryKind.SECRET)]
            with pytest.raises(PermissionDenied):
                list(store.scheduled("secret/f3"))


def test_a_walk_from_folder_to_folder_tells_what_is_due_and_one_by_scan_names_alone() -> None:
    with VaultDouble(flavour="openbao") as server:
        fill(server)
        server.policy("no scan", {"secret/*": ["read", "list"]})
        with backend(server.url, server.token("no scan")) as store:
            listed = {entry.path: entry for entry in store.list("secret/f1").entries}
            before = len(server.requests)
            walked = {entry.path: entry for entry in store.walk("secret/f1")}
            assert [seen.path for seen in server.requests[before:] if "/s" in seen.path.partition("metadata")[2]] == []
            assert walked == listed
            assert {path for path, entry in walked.items() if entry.due_from} == {*listed} - {"secret/f1/s01"}
        with backend(server.url, server.root_token) as store:
            scanned = list(store.walk("secret/f1"))
            assert [entry.path for entry in scanned] == sorted(listed)
            assert not any(entry.due_from or entry.state for entry in scanned)
