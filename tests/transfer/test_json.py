"""The nested rule, strict JSON, and what Vault prints."""

from __future__ import annotations

import json

import pytest

from kvtui.backends.memory import MemoryBackend
from kvtui.domain.errors import Corrupt, InvalidInput, KvtuiError, Locked, NotFound, Unsupported
from kvtui.domain.secret import Secret
from kvtui.domain.value import SecretValue, ValueType
from kvtui.services.transfer import Format, export, import_items, read_items

SENTINEL = "SENTINEL-51c9"


def plain(data: bytes, fmt: Format = Format.JSON, **where: str) -> dict[str, dict[str, object]]:
    return {i.path: {n: v.reveal() for n, v in i.fields.items()} for i in read_items(data, fmt, **where)}


def test_maps_of_maps_are_folders_and_other_values_are_fields() -> None:
    data = b'{"app": {"debug": true, "db": {"user": "u", "hosts": ["a", {"b": 1}]}, "none": {}}, "top": 5}'
    assert plain(data) == {
        "app": {"debug": True},
        "app/db": {"user": "u", "hosts": ["a", {"b": 1}]},
        "app/none": {},
        "top": {"value": 5},
    }


def test_into_gives_the_top_a_path_and_as_makes_it_one_secret() -> None:
    data = b'{"user": "u", "deep": {"x": 1}}'
    assert plain(data, into="team/") == {"team": {"user": "u"}, "team/deep": {"x": 1}}
    assert plain(data, as_path="team/one") == {"team/one": {"user": "u", "deep": {"x": 1}}}
    with pytest.raises(InvalidInput):
        read_items(data, Format.JSON, into="a", as_path="b")


def test_map_with_the_key_base64_is_bytes() -> None:
    assert plain(b'{"a": {"blob": {"base64": "/wA="}}}') == {"a": {"blob": b"\xff\x00"}}


REAL = """{
  "app": {
    "api": {
      "token": "not-a-real-token",
      "ratio": 1.10,
      "limit": 1E5
    },
    "db": {
      "note": "Zoë’s \\u202epassword",
      "hosts": [
        "a",
        "b"
      ],
      "replica": {
        "user": "u"
      }
    }
  },
  "blob": {
    "key": {
      "base64": "/wA="
    }
  }
}
"""


def test_canonical_file_goes_in_and_out_without_a_changed_byte() -> None:
    backend = MemoryBackend()
    list(import_items(backend, read_items(REAL.encode(), Format.JSON)))
    done = export(backend, "", Format.JSON)
    assert done.data.decode() == REAL
    assert done.problems == ()
    edited = {**backend.read("app/api").fields, "token": SecretValue("changed")}
    backend.write("app/api", edited)
    assert export(backend, "", Format.JSON).data.decode() == REAL.replace("not-a-real-token", "changed")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (f'{{"a":\n{{"k": 1,\n"k": "{SENTINEL}"}}}}'.encode(), "line 3"),
        (f'{{"a": {{"x\\u0079": 1}},\n"b": {{"}}": {{}}, "\\u007d": "{SENTINEL}"}}}}'.encode(), "line 2"),
        (f'{{"a": "{SENTINEL}",}}'.encode(), "line 1"),
        (b'{"a": NaN}', "NaN"),
        (b'{"a": -Infinity}', "Infinity"),
        (b"[1]", "map"),
        (b'"' + SENTINEL.encode() + b'"', "map"),
        (b"", "line 1"),
        (b'{"a":\n"\xff' + SENTINEL.encode() + b'"}', "Line 2"),
        (b'{"a": ' + b"[" * 100_000, ""),
        (b'{"a": ' + b"[" * 300 + b"]" * 300 + b"}", "deeper"),
        (b'{"a": {"x": {"base64": "' + SENTINEL.encode() + b'"}}}', "base64"),
    ],
)
def test_what_is_not_strict_json_is_refused_and_not_quoted(data: bytes, words: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        read_items(data, Format.JSON)
    assert words in raised.value.message
    assert SENTINEL not in str(raised.value)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_file_with_a_byte_order_mark_is_read(encoding: str) -> None:
    mark = "\ufeff" if encoding == "utf-16-le" else ""
    assert plain((mark + '{"a": "é"}').encode(encoding)) == {"a": {"value": "é"}}


class TestWhatTheFormatCannotHold:
    @pytest.mark.parametrize("fmt", [Format.JSON, Format.YAML])
    def test_secret_and_folder_of_one_name_go_out_unless_they_clash(self, fmt: Format) -> None:
        backend = MemoryBackend()
        for path, field in [("a", "x"), ("a/b", "x"), ("c", "d"), ("c/d/e", "x"), ("f/g", "x")]:
            backend.write(path, {field: SecretValue("v")})
        backend.write("f", {})
        done = export(backend, "", fmt)
        assert [problem.path for problem in done.problems] == ["c", "f"]
        assert plain(done.data, fmt) == {"a": {"x": "v"}, "a/b": {"x": "v"}, "c/d/e": {"x": "v"}, "f/g": {"x": "v"}}
        flat = export(backend, "", Format.KV_JSON)
        assert flat.problems == ()
        assert list(plain(flat.data, Format.KV_JSON)) == ["a", "a/b", "c", "c/d/e", "f", "f/g"]

    @pytest.mark.parametrize("fmt", [Format.JSON, Format.YAML])
    def test_field_that_is_a_map_is_reported(self, fmt: Format) -> None:
        backend = MemoryBackend()
        backend.write("a", {"m": SecretValue({"k": "v"})})
        backend.write("b", {"l": SecretValue([{"k": "v"}])})
        done = export(backend, "", fmt)
        assert [problem.path for problem in done.problems] == ["a"]
        assert plain(done.data, fmt) == {"b": {"l": [{"k": "v"}]}}
        assert plain(export(backend, "", Format.KV_JSON).data, Format.KV_JSON)["a"] == {"m": {"k": "v"}}

    def test_deleted_secrets_and_metadata_are_told_of(self) -> None:
        from kvtui.domain.metadata import MetadataPatch

        backend = MemoryBackend()
        backend.write("gone", {"value": SecretValue("v")})
        backend.delete("gone")
        backend.write("kept", {"value": SecretValue("v")}, metadata=MetadataPatch(owner="me"))
        done = export(backend, "", Format.JSON)
        assert plain(done.data) == {"kept": {"value": "v"}}
        assert done.problems == ()
        assert len(done.notes) == 2

    def test_type_that_import_tells_by_itself_needs_no_word(self) -> None:
        backend = MemoryBackend()
        list(import_items(backend, read_items(b'{"api_token": "x"}', Format.JSON)))
        assert export(backend, "", Format.JSON).notes == ()

    def test_secret_that_cannot_be_read_is_reported_and_a_locked_store_raises(self) -> None:
        class Failing(MemoryBackend):
            error: KvtuiError = Corrupt("Damaged.")

            def read(self, path: str, version: int | None = None) -> Secret:
                if path == "b":
                    raise self.error
                return super().read(path, version)

        backend = Failing()
        for path in ("a", "b", "c"):
            backend.write(path, {"x": SecretValue("v")})
        done = export(backend, "", Format.JSON)
        assert list(plain(done.data)) == ["a", "c"]
        assert [problem.path for problem in done.problems] == ["b"]
        backend.error = Locked("Locked.")
        with pytest.raises(Locked):
            export(backend, "", Format.JSON)

    def test_path_deeper_than_documents_nest_is_reported(self) -> None:
        backend = MemoryBackend()
        path = "/".join(["d"] * 400)
        backend.write(path, {"value": SecretValue("v")})
        assert [problem.path for problem in export(backend, "", Format.JSON).problems] == [path]
        assert plain(export(backend, "", Format.KV_JSON).data, Format.KV_JSON) == {path: {"value": "v"}}

    def test_deepest_value_at_the_deepest_path_that_fits_comes_back(self) -> None:
        deep: list = []
        for _ in range(199):
            deep = [deep]
        backend = MemoryBackend()
        for levels in (49, 50):
            backend.write("/".join(["d"] * levels), {"value": SecretValue(deep)})
        done = export(backend, "", Format.JSON)
        assert len(done.problems) == 1
        assert len(plain(done.data)) == 1


class TestExportOfAPlace:
    def test_paths_are_whole_and_a_single_secret_can_be_named(self) -> None:
        backend = MemoryBackend()
        for path in ("a/b", "a/b/c", "a/bc", "z"):
            backend.write(path, {"x": SecretValue("v")})
        assert list(plain(export(backend, "a/b", Format.JSON).data)) == ["a/b", "a/b/c"]
        assert list(plain(export(backend, "a/bc", Format.JSON).data)) == ["a/bc"]

    def test_place_where_nothing_is_raises(self) -> None:
        with pytest.raises(NotFound):
            export(MemoryBackend(), "nowhere", Format.JSON)

    def test_empty_store_gives_an_empty_document(self) -> None:
        assert export(MemoryBackend(), "", Format.JSON).data == b"{}\n"
        assert export(MemoryBackend(), "", Format.YAML).data == b"{}\n"

    def test_all_versions_need_json_and_a_store_that_has_them(self) -> None:
        from kvtui.backends.memory import ALL
        from kvtui.domain.capability import Capability

        with pytest.raises(InvalidInput):
            export(MemoryBackend(), "", Format.YAML, all_versions=True)
        store = MemoryBackend(capabilities=ALL - {Capability.HISTORY, Capability.VERSIONS})
        with pytest.raises(Unsupported):
            export(store, "", Format.JSON, all_versions=True)


KV2 = {
    "request_id": "8a1b", "lease_id": "", "lease_duration": 0, "renewable": False,
    "data": {
        "data": {"user": "u", "ratio": 1.5, "nested": {"k": [1]}},
        "metadata": {
            "created_time": "2026-01-02T03:04:05.678Z", "custom_metadata": {"owner": "team"},
            "deletion_time": "", "destroyed": False, "version": 3,
        },
    },
    "warnings": None,
}  # fmt: skip
KV1 = {"request_id": "8a1b", "lease_id": "", "lease_duration": 2764800, "renewable": False,
       "data": {"data": "x", "metadata": "y"}, "warnings": None}  # fmt: skip


class TestVaultOutput:
    @pytest.mark.parametrize("fmt", [Format.KV_JSON, Format.JSON])
    def test_kv2_output_gives_fields_and_custom_metadata(self, fmt: Format) -> None:
        (item,) = read_items(json.dumps(KV2).encode(), fmt, as_path="app/db")
        assert item.path == "app/db"
        assert {n: v.reveal() for n, v in item.fields.items()} == KV2["data"]["data"]  # type: ignore[index]
        assert item.metadata.custom == {"owner": "team"}

    def test_kv1_output_gives_fields_whatever_their_names(self) -> None:
        assert plain(json.dumps(KV1).encode(), Format.KV_JSON, as_path="x") == {"x": KV1["data"]}

    def test_it_needs_a_path(self) -> None:
        with pytest.raises(InvalidInput) as raised:
            read_items(json.dumps(KV2).encode(), Format.KV_JSON)
        assert "--as" in raised.value.hint

    def test_deleted_version_is_refused(self) -> None:
        output = {**KV2, "data": {"data": None, "metadata": {"version": 3, "deletion_time": "2026-01-02T03:04:05Z"}}}
        with pytest.raises(InvalidInput, match="deleted"):
            read_items(json.dumps(output).encode(), Format.KV_JSON, as_path="x")

    def test_imported_edited_and_exported_without_another_byte_changed(self) -> None:
        backend = MemoryBackend()
        list(import_items(backend, read_items(json.dumps(KV2).encode(), Format.KV_JSON, as_path="app/db")))
        before = export(backend, "app/db", Format.KV_JSON).data
        assert json.loads(before) == {"app/db": KV2["data"]["data"]}  # type: ignore[index]
        backend.write("app/db", {**backend.read("app/db").fields, "user": SecretValue("new")})
        assert export(backend, "app/db", Format.KV_JSON).data == before.replace(b'"u"', b'"new"')

    def test_flat_form_keeps_maps_and_refuses_what_is_no_map(self) -> None:
        assert plain(b'{"a/b": {"m": {"k": 1}, "b": {"base64": "/w=="}}}', Format.KV_JSON, into="x") == {
            "x/a/b": {"m": {"k": 1}, "b": b"\xff"}
        }
        with pytest.raises(InvalidInput) as raised:
            read_items(f'{{"a": "{SENTINEL}"}}'.encode(), Format.KV_JSON)
        assert raised.value.path == "a"
        with pytest.raises(InvalidInput):
            read_items(b'{"a": {}}', Format.KV_JSON, as_path="x")

    def test_map_that_means_bytes_is_reported(self) -> None:
        backend = MemoryBackend()
        backend.write("a", {"m": SecretValue({"base64": "/w=="})})
        assert [problem.path for problem in export(backend, "", Format.KV_JSON).problems] == ["a"]
        done = export(backend, "", Format.JSON, all_versions=True)
        (item,) = read_items(done.data, Format.JSON)
        assert item.fields["m"].type is ValueType.MAP


@pytest.mark.parametrize(
    ("name", "fmt"),
    [("a.json", Format.JSON), ("A.YML", Format.YAML), ("x/.env", Format.DOTENV), (".env.local", Format.DOTENV),
     ("prod.env", Format.DOTENV)],
)  # fmt: skip
def test_name_of_a_file_tells_its_format(name: str, fmt: Format) -> None:
    assert Format.of_file(name) is fmt


def test_other_names_do_not() -> None:
    with pytest.raises(InvalidInput):
        Format.of_file("json")
