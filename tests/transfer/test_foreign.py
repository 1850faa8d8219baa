"""What Bitwarden, 1Password and SOPS give out, what their names become, and how their files are recognized."""

from __future__ import annotations

import copy
import json
import re
import secrets
from datetime import UTC, datetime
from io import BytesIO
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kvtui.backends.memory import ALL, MemoryBackend
from kvtui.domain import path as paths
from kvtui.domain.capability import Capability
from kvtui.domain.errors import InvalidInput
from kvtui.domain.metadata import SecretType
from kvtui.domain.secret import VersionState
from kvtui.services.transfer import Format, Item, ItemOutcome, export, import_items, read_items
from kvtui.services.transfer.foreign import archive as archives
from kvtui.services.transfer.foreign.entry import Arrangement, Entry, Values, segment
from kvtui.services.transfer.foreign.recognizing import format_of
from kvtui.services.transfer.foreign.shapes import time_of
from tests.support.hostile import HOSTILE
from tests.transfer.exports import (
    CARD,
    ITEM,
    KEY,
    LOGIN,
    NOTE,
    PRINTED,
    SSH,
    SSH_ITEM,
    archive,
    bitwarden,
    entry,
    keepass,
    one_password,
    one_pux,
)


def read(data: bytes, form: Format, into: str = "") -> list[Item]:
    return list(read_items(data, form, into=into))


def plain(item: Item) -> dict[str, object]:
    return {name: value.reveal() for name, value in item.fields.items()}


class TestNames:
    @settings(max_examples=200, deadline=None)
    @given(st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=20))
    def test_any_name_is_one_segment_of_a_new_path_and_comes_back_by_percent_decoding(self, name: str) -> None:
        made = segment(name)
        assert "/" not in made
        assert paths.check_new(made) == made
        assert unquote(made) == name

    def test_plain_names_stay_as_they_are(self) -> None:
        for name in ("mail", "100 % sure", "naïve", "a.b", "a\\b", "50%", "%zz"):
            assert segment(name) == name
        assert [segment(name) for name in ("a/b", "..", "%2F", "a\tb", "")] == [
            "a%2Fb",
            "%2E%2E",
            "%252F",
            "a%09b",
            "(untitled)",
        ]

    @settings(max_examples=60, deadline=None)
    @given(st.lists(st.sampled_from(["a", "a (2)", "a (3)", "", "(untitled)"]), max_size=12))
    def test_no_two_entries_get_one_path_and_the_order_decides(self, titles: list[str]) -> None:
        arranged = Arrangement("")
        made = [item.path for title in titles for item in arranged.items(Entry([], title, Values()))]
        assert len(set(made)) == len(titles)
        again = Arrangement("")
        assert made == [item.path for title in titles for item in again.items(Entry([], title, Values()))]

    def test_a_name_that_is_too_long_is_told_by_its_path(self) -> None:
        data = bitwarden({"type": 2, "name": "x" * 600, "notes": "n"}, NOTE)
        outcomes = [one.outcome for one in import_items(MemoryBackend(), read_items(data, Format.BITWARDEN))]
        assert outcomes == [ItemOutcome.FAILED, ItemOutcome.CREATED]


class TestBitwarden:
    def test_a_login_is_carried_with_its_folder_fields_history_and_marks(self) -> None:
        (item,) = read(bitwarden(LOGIN), Format.BITWARDEN)
        assert item.path == "Work/Servers/mail"
        assert plain(item) == {
            "username": "bob",
            "password": "third",
            "totp": "JBSWY3DPEHPK3PXP",
            "url": "https://a.example",
            "url 2": "https://b.example",
            "fido2Credentials": [{"credentialId": "c", "counter": "0"}],
            "pin": "0042",
            "on": "true",
            "notes": "two\nlines",
        }
        assert item.metadata.tags == ("favorite",)
        assert item.metadata.type is SecretType.PASSWORD
        assert "same as user only pointed" in item.note
        assert item.history is not None
        assert [one.fields and one.fields["password"].reveal() for one in item.history.versions] == [
            "first",
            "second",
            "third",
        ]
        assert [one.version.created_at and one.version.created_at.year for one in item.history.versions] == [
            2020,
            2021,
            2022,
        ]

    def test_notes_cards_and_keys_have_their_type_and_every_field_that_holds_something(self) -> None:
        note, card, key = read(bitwarden(NOTE, CARD, SSH), Format.BITWARDEN)
        assert (plain(note), note.metadata.type) == ({"notes": "  exact \n"}, SecretType.NOTE)
        assert plain(card) == {"number": "4111", "code": "123", "expMonth": "4"}
        assert plain(key) == {"privateKey": KEY, "publicKey": "ssh-ed25519 A", "keyFingerprint": "S:1"}
        assert key.metadata.type is SecretType.SSH_KEY

    def test_an_item_of_an_organization_lies_in_its_first_collection_and_has_the_others_as_tags(self) -> None:
        collections = [{"id": "c1", "name": "Ops"}, {"id": "c2", "name": "Dev"}]
        data = bitwarden({**NOTE, "collectionIds": ["c2", "c1"]}, folders=None, collections=collections)
        (item,) = read(data, Format.BITWARDEN)
        assert (item.path, item.metadata.tags) == ("Dev/wifi", ("Ops",))

    def test_what_is_in_the_trash_is_deleted_and_what_is_archived_is_marked(self) -> None:
        data = bitwarden(
            {**NOTE, "deletedDate": "2024-01-01T00:00:00.000Z"}, {**CARD, "archivedDate": "2024-01-01T00:00:00.000Z"}
        )
        backend = MemoryBackend()
        list(import_items(backend, read_items(data, Format.BITWARDEN)))
        assert backend.read("wifi").version.state is VersionState.DELETED
        assert backend.read("wifi").version.deleted_at == datetime(2024, 1, 1, tzinfo=UTC)
        assert backend.read("card").metadata.tags == ("archived",)

    def test_attachments_are_taken_from_the_zip_and_told_where_they_are_only_named(self) -> None:
        item = {**NOTE, "id": "i1", "attachments": [{"fileName": "a.bin"}, {"fileName": "gone.bin"}]}
        zipped = archive({"data.json": bitwarden(item), "attachments/i1/a.bin": b"\xff\n"})
        whole, lost = read(zipped, Format.BITWARDEN)
        assert plain(whole) == {"notes": "  exact \n", "a.bin": b"\xff\n"}
        assert (lost.path, lost.trouble) == ("wifi", "Its attachment gone.bin is not in the file.")

    @pytest.mark.parametrize(
        "data",
        [
            b'{"encrypted": true, "passwordProtected": true, "data": "2.x"}',
            b'{"encrypted": true, "encKeyValidation_DO_NOT_EDIT": "2.x", "items": []}',
            b'{"items": []}',
            b'{"encrypted": false}',
        ],
    )
    def test_an_encrypted_export_is_refused_with_what_to_do(self, data: bytes) -> None:
        with pytest.raises(InvalidInput) as raised:
            read(data, Format.BITWARDEN)
        assert "xport" in raised.value.hint


class TestOnePassword:
    def test_an_item_is_carried_with_its_sections_files_history_and_marks(self) -> None:
        (item,) = read(one_pux(ITEM), Format.ONE_PASSWORD)
        assert item.path == "Private/mail"
        assert plain(item) == {
            "username": "bob",
            "password": "second",
            "url": "https://a.example",
            "url 2": "https://b.example",
            "totp": "otpauth://totp/x?secret=AAAA",
            "Security.pin": "0042",
            "Security.since": 1577836800,
            "Security.mail": "b@x.example",
            "Security.home": {"street": "S", "city": "C"},
            "../scan.bin": b"\xff\x00\n",
            "notes": "a note",
        }
        assert set(item.metadata.tags or ()) == {"work", "favorite", "archived"}
        assert item.history is not None
        assert item.history.versions[0].fields is not None
        assert item.history.versions[0].fields["password"].reveal() == "first"

    def test_a_key_has_its_type(self) -> None:
        (item,) = read(one_pux(SSH_ITEM), Format.ONE_PASSWORD)
        assert plain(item) == {"private_key": KEY, "public_key": "ssh-ed25519 A"}
        assert item.metadata.type is SecretType.SSH_KEY

    def test_the_data_alone_has_no_files_and_says_so(self) -> None:
        data = json.dumps(one_password(ITEM)).encode()
        whole, lost = read(data, Format.ONE_PASSWORD)
        assert "Security.pin" in whole.fields
        assert lost.trouble == "Its file ../scan.bin is not here: only a 1PUX file has it."

    def test_several_accounts_are_folders_of_their_own(self) -> None:
        document = one_password(ITEM)
        document["accounts"].append({**copy.deepcopy(document["accounts"][0]), "attrs": {"name": "Ann"}})
        found = [item.path for item in read(json.dumps(document).encode(), Format.ONE_PASSWORD) if not item.trouble]
        assert found == ["Bob/Private/mail", "Ann/Private/mail"]

    @pytest.mark.parametrize("between", ["\n", "", ","])
    def test_what_op_prints_is_read_one_behind_the_other_or_as_a_list(self, between: str) -> None:
        one = json.dumps(PRINTED)
        data = f"[{one},{one}]" if between == "," else one + between + one
        first, second = read(data.encode(), Format.ONE_PASSWORD)
        assert (first.path, second.path) == ("Team/api", "Team/api (2)")
        assert plain(first) == {
            "username": "bob",
            "credential": "k-1",
            "totp": "AAAA",
            "More.region": "eu",
            "url": "https://a.example",
        }
        assert (first.metadata.type, first.metadata.tags) == (SecretType.API_KEY, ("ci",))

    def test_a_list_without_values_is_told(self) -> None:
        row = {name: value for name, value in PRINTED.items() if name != "fields"}
        assert "without values" in read(json.dumps([row]).encode(), Format.ONE_PASSWORD)[1].trouble

    def test_an_archive_is_never_unpacked_and_no_member_believed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(archives, "MAX_VALUE", 1 << 16)
        with pytest.raises(InvalidInput, match="more than"):
            read(archive({"export.data": bytes(1 << 20)}), Format.ONE_PASSWORD)

    def test_all_of_an_archive_together_is_bounded_too(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(archives, "MAX_TOTAL", 1 << 16)
        many = {f"attachments/i1/{number}": bytes(1 << 12) for number in range(20)}
        with pytest.raises(InvalidInput, match="unpacks to more"):
            read(archive({"data.json": bitwarden({**NOTE, "id": "i1"}), **many}), Format.BITWARDEN)

    def test_a_damaged_archive_is_refused(self) -> None:
        data = one_pux(ITEM)
        for broken in (data[:200], data[:-30], data[:60] + b"\0\0\0\0\0\0" + data[66:]):
            with pytest.raises(InvalidInput):
                read(broken, Format.ONE_PASSWORD)


class TestSops:
    PLAIN = b"db:\n  password: s3\n  port: 5432\n"

    def test_what_sops_prints_is_read_as_yaml_or_json(self) -> None:
        for data in (self.PLAIN, b'{"db": {"password": "s3", "port": 5432}}'):
            (item,) = read(data, Format.SOPS)
            assert (item.path, plain(item)) == ("db", {"password": "s3", "port": 5432})

    @pytest.mark.parametrize("form", [Format.SOPS, Format.YAML, Format.JSON])
    def test_what_is_still_encrypted_is_refused_in_every_format_it_may_have(self, form: Format) -> None:
        about = {"mac": "ENC[AES256_GCM,data:x]", "lastmodified": "2024-01-01T00:00:00Z", "version": "3.9.0"}
        data = json.dumps({"db": {"password": "ENC[AES256_GCM,data:x]"}, "sops": about}).encode()
        with pytest.raises(InvalidInput) as raised:
            read(data, form)
        assert "sops -d" in raised.value.hint

    def test_variables_that_are_still_encrypted_are_refused(self) -> None:
        with pytest.raises(InvalidInput, match="still encrypted"):
            read(b"A=ENC[AES256_GCM,data:x]\nsops_mac=ENC[AES256_GCM,data:x]\n", Format.DOTENV)
        assert len(read(b"sops_mac=mine\n", Format.DOTENV)) == 1


EXPORTS = [
    (keepass(entry("x")), "-", Format.KEEPASS_XML),
    (b'"Group","Title","Username","Password","URL","Notes"\n', "-", Format.KEEPASS_CSV),
    (b'"Account","Login Name","Password","Web Site","Comments"\n', "x.csv", Format.KEEPASS_CSV),
    (bitwarden(LOGIN), "-", Format.BITWARDEN),
    (archive({"data.json": bitwarden(LOGIN)}), "x.zip", Format.BITWARDEN),
    (one_pux(ITEM), "-", Format.ONE_PASSWORD),
    (json.dumps(one_password(ITEM)).encode(), "export.data", Format.ONE_PASSWORD),
    (json.dumps([PRINTED]).encode(), "items.json", Format.ONE_PASSWORD),
    (b'{"encrypted": {"a": 1}}', "x.json", Format.JSON),
    (b'{"accounts": {"a": {"b": 1}}}', "x.json", Format.JSON),
    (b"a: 1", "x.yaml", Format.YAML),
]


@pytest.mark.parametrize(("data", "name", "form"), EXPORTS)
def test_a_file_is_recognized_by_what_it_begins_with_then_by_its_name(data: bytes, name: str, form: Format) -> None:
    file = BytesIO(b"before" + data)
    file.seek(6)
    assert format_of(file, name) is form
    assert file.tell() == 6


def test_a_database_that_is_still_encrypted_is_refused_with_how_to_export_it() -> None:
    with pytest.raises(InvalidInput) as raised:
        format_of(BytesIO(bytes.fromhex("03d9a29a67fb4bb5")), "x.kdbx")
    assert "keepassxc-cli export" in raised.value.hint
    with pytest.raises(InvalidInput, match="no export"):
        format_of(BytesIO(archive({"other": b""})), "x.zip")


@pytest.mark.parametrize("form", [Format.BITWARDEN, Format.ONE_PASSWORD])
def test_no_error_holds_anything_of_the_file(form: Format) -> None:
    sentinel = secrets.token_hex()
    good: Any = bitwarden(LOGIN) if form is Format.BITWARDEN else json.dumps(PRINTED).encode()
    for data in (
        good.replace(b"bob", sentinel.encode())[:-20],
        json.dumps({sentinel: 1}).encode(),
        json.dumps([sentinel]).encode(),
        b'{"encrypted": false, "items": [{"name": ["%s"], "fields": 5}, 7]}' % sentinel.encode() + b"}",
    ):
        with pytest.raises(InvalidInput) as raised:
            read(data, form)
        assert sentinel not in str(raised.value)


def test_importing_again_changes_nothing() -> None:
    backend = MemoryBackend()
    for data, form in ((bitwarden(LOGIN, NOTE, CARD, SSH), Format.BITWARDEN), (one_pux(ITEM), Format.ONE_PASSWORD)):
        assert {one.outcome for one in import_items(backend, read_items(data, form))} == {ItemOutcome.CREATED}
        token = backend.change_token()
        assert {one.outcome for one in import_items(backend, read_items(data, form))} == {ItemOutcome.SKIPPED}
        assert backend.change_token() == token


def test_a_store_without_versions_gets_the_newest_and_tells_only_where_there_were_more() -> None:
    kept = ALL - {Capability.HISTORY, Capability.VERSIONS}
    backend = MemoryBackend(capabilities=kept)
    single = {**NOTE, "creationDate": "2020-01-01T00:00:00.000Z"}
    login, note = import_items(backend, read_items(bitwarden(LOGIN, single), Format.BITWARDEN))
    assert "only the newest version" in login.note
    assert note.note == ""
    assert backend.read("wifi").metadata.type is SecretType.NOTE


def test_a_store_that_takes_versions_one_by_one_gets_them_all_and_the_deleted_ones() -> None:
    backend = MemoryBackend(capabilities=ALL - {Capability.HISTORY})
    gone = {**NOTE, "deletedDate": "2024-01-01T00:00:00.000Z"}
    results = list(import_items(backend, read_items(bitwarden(LOGIN, gone), Format.BITWARDEN)))
    assert [(one.outcome, one.version) for one in results] == [(ItemOutcome.CREATED, 3), (ItemOutcome.CREATED, 1)]
    assert backend.read("Work/Servers/mail", 1).fields["password"].reveal() == "first"
    assert backend.read("wifi").version.state is VersionState.DELETED


def test_what_was_imported_is_exported_with_all_versions_and_comes_back_the_same() -> None:
    store, again = MemoryBackend(), MemoryBackend()
    for data, form in ((bitwarden(LOGIN, NOTE, CARD, SSH), Format.BITWARDEN), (one_pux(ITEM), Format.ONE_PASSWORD)):
        list(import_items(store, read_items(data, form)))
    done = export(store, "", Format.JSON, all_versions=True)
    assert not done.problems
    list(import_items(again, read_items(done.data, Format.JSON)))
    assert export(again, "", Format.JSON, all_versions=True).data == done.data


def test_every_hostile_name_field_and_value_is_carried_exactly_or_told() -> None:
    short = [each for each in HOSTILE if len(each.value) < 150]
    rows = [
        {"name": each.value, "type": 1, "fields": [{"name": f"f{each.value}", "value": each.value}]} for each in short
    ]
    backend = MemoryBackend()
    results = list(import_items(backend, read_items(bitwarden(*rows), Format.BITWARDEN)))
    failed = {result.path for result in results if result.error}
    assert len(failed) < len(short) / 10
    for each, result in zip(short, results, strict=True):
        if result.path in failed:
            assert len(result.path.encode()) > paths.MAX_SEGMENT_BYTES
            continue
        assert [(n, v.reveal()) for n, v in backend.read(result.path).fields.items()] == [
            (f"f{each.value}", each.value)
        ]
        name = re.sub(r" \(\d+\)$", "", result.path) if "not the first one" in result.note else result.path
        assert unquote(name, errors="surrogatepass") == (each.value or "(untitled)")


@pytest.mark.parametrize("time", ["2021-09-12T10:07:51.5666667Z", "2021-09-12T10:07:51.566Z", 1631441271])
def test_times_of_all_spellings_are_read(time: str | int) -> None:
    assert (found := time_of(time)) is not None
    assert found.replace(microsecond=0) == datetime(2021, 9, 12, 10, 7, 51, tzinfo=UTC)


@pytest.mark.parametrize("time", ["", "soon", "2021-09-12T10:07:51", 10**30, True, None, -(10**18)])
def test_what_is_no_time_is_none(time: Any) -> None:
    assert time_of(time) is None


scalars = (
    st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.sampled_from(["2020-01-01T00:00:00Z", "f1"])
)


def _shapes(*known: dict[str, Any]) -> st.SearchStrategy[Any]:
    """JSON with the keys of these documents in any place, holding anything."""
    names: set[str] = set()
    rest: list[Any] = [*known]
    while rest:
        each = rest.pop()
        if isinstance(each, dict):
            names |= set(each)
        rest += each.values() if isinstance(each, dict) else each if isinstance(each, list) else []
    maps = st.sampled_from(sorted(names))
    return st.recursive(
        scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(maps, inner), max_leaves=15
    )


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
@pytest.mark.parametrize("form", [Format.BITWARDEN, Format.ONE_PASSWORD])
def test_a_document_of_any_shape_is_read_or_refused_in_our_words(form: Format, data: st.DataObject) -> None:
    if form is Format.BITWARDEN:
        row = data.draw(st.dictionaries(st.sampled_from(sorted(LOGIN)), _shapes(LOGIN, CARD, SSH), max_size=6))
        document: Any = {"encrypted": False, "folders": data.draw(_shapes({"id": 1, "name": 1})), "items": [row]}
    else:
        keys = st.sampled_from(["overview", "details", "createdAt", "updatedAt", "categoryUuid", "state", *PRINTED])
        row = data.draw(st.dictionaries(keys, _shapes(ITEM, SSH_ITEM, PRINTED), max_size=6))
        document = data.draw(st.sampled_from([row, one_password(row), one_password({"item": row})]))
    try:
        read(json.dumps(document).encode(), form)
    except InvalidInput:
        return
