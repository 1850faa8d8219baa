"""What KeePass and KeePassXC export: real files of KeePassXC, and each element of the format."""

from __future__ import annotations

import base64
import gzip
import secrets
import shutil
import struct
import subprocess
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kvtui.backends.memory import MemoryBackend
from kvtui.domain.errors import InvalidInput
from kvtui.domain.metadata import SecretType
from kvtui.domain.secret import VersionState
from kvtui.services.transfer import Format, Item, ItemOutcome, import_items, read_items
from kvtui.services.transfer.foreign import keepass_xml
from tests.transfer.exports import BIN, KEY, entry, group, keepass, string, times

PROGRAM = shutil.which("keepassxc-cli")
PASSWORD = "only for this test\n"
FILE = "<Binary><Key>f.bin</Key><Value>/wAKDQ==</Value></Binary>"
CONTENT = b"\xff\x00\n\r"


def read(data: bytes, form: Format = Format.KEEPASS_XML, into: str = "") -> list[Item]:
    return list(read_items(data, form, into=into))


def plain(item: Item) -> dict[str, object]:
    return {name: value.reveal() for name, value in item.fields.items()}


def fields(data: bytes, form: Format = Format.KEEPASS_XML) -> dict[str, dict[str, object]]:
    return {item.path: plain(item) for item in read(data, form) if not item.trouble}


def troubles(data: bytes) -> list[tuple[str, str]]:
    return [(item.path, item.trouble) for item in read(data) if item.trouble]


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real database, made by KeePassXC."""
    if PROGRAM is None:
        pytest.skip("NOT TESTED: keepassxc-cli is not installed, nothing is compared with KeePassXC")
    place = tmp_path_factory.mktemp("keepass")
    (place / "in.xml").write_bytes(
        keepass(
            group("Web", entry("mail", string("otp", "otpauth://totp/a?secret=JBSWY3DPEHPK3PXP"), password='p<&>"w')),
            entry('a/b "c"', string("pin", "0042"), string("Notes", "two\nlines")),
            entry("file", FILE),
        )
    )
    made = place / "made.kdbx"
    argv = [PROGRAM, "import", "-q", "-t", "100", "-p", str(place / "in.xml"), str(made)]
    subprocess.run(argv, input=(PASSWORD * 2).encode(), check=True, capture_output=True)
    argv = [PROGRAM, "rm", "-q", str(made), "Web/mail"]
    subprocess.run(argv, input=PASSWORD.encode(), check=True, capture_output=True)
    return made


def exported(database: Path, form: str) -> bytes:
    argv = [str(PROGRAM), "export", "-q", "-f", form, str(database)]
    return subprocess.run(argv, input=PASSWORD.encode(), check=True, capture_output=True).stdout


def test_what_keepassxc_exports_as_xml_is_imported_with_its_recycle_bin_as_deleted(database: Path) -> None:
    backend = MemoryBackend()
    results = list(import_items(backend, read_items(exported(database, "xml"), Format.KEEPASS_XML)))
    assert [(one.path, one.outcome) for one in results] == [
        ('a%2Fb "c"', ItemOutcome.CREATED),
        ("file", ItemOutcome.CREATED),
        ("file", ItemOutcome.FAILED),  # KeePassXC writes no attachments of KDBX 4
        ("Recycle Bin/mail", ItemOutcome.CREATED),
    ]
    secret = backend.read('a%2Fb "c"')
    assert {name: value.reveal() for name, value in secret.fields.items()} == {"notes": "two\nlines", "pin": "0042"}
    assert secret.metadata.created_at is not None
    assert backend.read("Recycle Bin/mail").version.state is VersionState.DELETED
    backend.undelete("Recycle Bin/mail")
    again = backend.read("Recycle Bin/mail").fields
    assert again["password"].reveal() == 'p<&>"w'
    assert again["totp"].reveal() == "otpauth://totp/a?secret=JBSWY3DPEHPK3PXP"


def test_an_attachment_goes_through_a_pipe_as_the_page_says(database: Path) -> None:
    argv = [str(PROGRAM), "attachment-export", "-q", str(database), "file", "f.bin", "/dev/stdout"]
    done = subprocess.run(argv, input=PASSWORD.encode(), capture_output=True, check=True)
    assert done.stdout == CONTENT


def test_what_keepassxc_exports_as_csv_is_imported(database: Path) -> None:
    data = exported(database, "csv")
    assert fields(data, Format.KEEPASS_CSV)['a%2Fb "c"'] == {"notes": "two\nlines"}
    assert [item.path for item in read(data, Format.KEEPASS_CSV)] == ['a%2Fb "c"', "file", "Recycle Bin/mail"]


class TestEntries:
    def test_groups_are_folders_and_standard_strings_are_fields_when_they_hold_something(self) -> None:
        data = keepass(group("A", group("B", entry("x", string("UserName", "bob"), password=" s "))), entry("y"))
        assert fields(data) == {"A/B/x": {"username": "bob", "password": " s "}, "y": {}}

    def test_custom_strings_and_data_keep_their_names_and_one_that_is_taken_is_told(self) -> None:
        data = keepass(
            entry(
                "x",
                string("API key", "k"),
                string("password", "other"),
                "<CustomData><Item><Key>KPH</Key><Value>v</Value></Item></CustomData>",
                password="p",
            )
        )
        (item,) = read(data)
        assert plain(item) == {"password": "p", "API key": "k", "password 2": "other", "KPH": "v"}
        assert item.note == "Its second field password is password 2 here."

    def test_history_becomes_older_versions_with_their_times(self) -> None:
        older = entry("x", password="old", times=times("2020-02-03T04:05:06Z"))
        data = keepass(entry("x", f"<History>{older}</History>", password="new", times=times("2021-02-03T04:05:06Z")))
        (item,) = read(data)
        assert item.history is not None
        assert [one.fields and one.fields["password"].reveal() for one in item.history.versions] == ["old", "new"]
        assert [one.version.created_at for one in item.history.versions] == [
            datetime(2020, 2, 3, 4, 5, 6, tzinfo=UTC),
            datetime(2021, 2, 3, 4, 5, 6, tzinfo=UTC),
        ]
        assert item.history.metadata.created_at == datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)

    def test_times_of_kdbx_4_are_seconds_since_the_year_1(self) -> None:
        seconds = (datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC) - datetime(1, 1, 1, tzinfo=UTC)).total_seconds()
        ticks = base64.b64encode(struct.pack("<q", int(seconds))).decode()
        (item,) = read(keepass(entry("x", times=times(ticks, created=ticks))))
        assert item.history is not None
        assert item.history.metadata.created_at == datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)

    def test_tags_and_expiry_become_metadata(self) -> None:
        when = times(
            "2020-01-01T00:00:00Z", more="<Expires>True</Expires><ExpiryTime>2030-01-01T00:00:00Z</ExpiryTime>"
        )
        (item,) = read(keepass(entry("x", "<Tags>a;b,c</Tags>", times=when)))
        assert item.metadata.tags == ("a", "b", "c")
        assert item.metadata.custom == {"expires": "2030-01-01T00:00:00Z"}

    def test_attachments_are_bytes_from_the_front_of_the_file_or_in_place(self) -> None:
        packed = base64.b64encode(gzip.compress(KEY.encode())).decode()
        data = keepass(
            entry(
                "x",
                '<Binary><Key>id</Key><Value Ref="0"/></Binary>',
                "<Binary><Key>raw</Key><Value>/wA=</Value></Binary>",
            ),
            meta=f'<Binaries><Binary ID="0" Compressed="True">{packed}</Binary></Binaries>',
        )
        (item,) = read(data)
        assert plain(item) == {"id": KEY.encode(), "raw": b"\xff\x00"}
        assert item.metadata.type is SecretType.SSH_KEY

    def test_what_is_not_in_the_file_is_told_by_path_and_the_rest_imported(self) -> None:
        data = keepass(
            group(
                "A", entry("x", '<Binary><Key>f</Key><Value Ref="7"/></Binary>', password="p"), notes="of the folder"
            ),
            entry("y", string("k", "c2VhbGVk", Protected="True")),
        )
        assert troubles(data) == [
            ("A", "The notes of a folder have no place here."),
            ("A/x", "Its attachment f is not in the file, or damaged."),
            ("y", "Its field k is still encrypted in the file."),
        ]
        assert fields(data) == {"A/x": {"password": "p"}, "y": {}}
        backend = MemoryBackend()
        results = [(one.path, one.outcome.value) for one in import_items(backend, read_items(data, Format.KEEPASS_XML))]
        assert results == [("A", "failed"), ("A/x", "created"), ("A/x", "failed"), ("y", "created"), ("y", "failed")]

    def test_two_of_one_name_are_told_apart_in_the_order_of_the_file(self) -> None:
        data = keepass(*(entry("x", password=each) for each in "abc"), entry("x (2)", password="d"))
        assert [(item.path, item.fields["password"].reveal()) for item in read(data)] == [
            ("x", "a"),
            ("x (2)", "b"),
            ("x (3)", "c"),
            ("x (2) (2)", "d"),
        ]
        assert read(data)[1].note == "It is not the first one of the name x."

    def test_a_reference_to_another_entry_stays_and_is_told(self) -> None:
        (item,) = read(keepass(entry("x", password="{REF:P@I:00}")))
        assert "{REF" in item.fields["password"].reveal()
        assert "refers to another entry" in item.note

    def test_the_recycle_bin_is_found_by_its_id_whatever_it_is_called(self) -> None:
        data = keepass(
            group("Papierkorb", group("A", entry("x", password="p")), uuid=BIN), group("Recycle Bin", entry("y"))
        )
        states = {item.path: item.history and item.history.versions[-1].version.state for item in read(data)}
        assert states == {"Papierkorb/A/x": VersionState.DELETED, "Recycle Bin/y": None}


@pytest.mark.parametrize(
    ("strings", "uri"),
    [
        ({"otp": "key=JBSW Y3DP&step=60&size=8"}, "otpauth://totp/x?secret=JBSWY3DP&period=60&digits=8&algorithm=SHA1"),
        (
            {"TimeOtp-Secret-Base32": "jbswy3dp", "TimeOtp-Length": "8", "TimeOtp-Algorithm": "HMAC-SHA-256"},
            "otpauth://totp/x?secret=JBSWY3DP&period=30&digits=8&algorithm=SHA256",
        ),
        ({"TimeOtp-Secret": "Hello"}, "otpauth://totp/x?secret=JBSWY3DP&period=30&digits=6&algorithm=SHA1"),
        ({"TimeOtp-Secret-Hex": "48656c6c6f"}, "otpauth://totp/x?secret=JBSWY3DP&period=30&digits=6&algorithm=SHA1"),
        ({"TimeOtp-Secret-Base64": "SGVsbG8="}, "otpauth://totp/x?secret=JBSWY3DP&period=30&digits=6&algorithm=SHA1"),
        (
            {"TOTP Seed": "JBSWY3DP", "TOTP Settings": "30;8"},
            "otpauth://totp/x?secret=JBSWY3DP&period=30&digits=8&algorithm=SHA1",
        ),
    ],
)
def test_settings_of_one_time_passwords_become_the_uri_all_programs_read(strings: dict[str, str], uri: str) -> None:
    (item,) = read(keepass(entry("x", *(string(key, value) for key, value in strings.items()))))
    assert plain(item) == {"totp": uri}
    assert item.metadata.type is SecretType.TOTP


@pytest.mark.parametrize(
    "strings",
    [{"otp": "?"}, {"otp": "key=1"}, {"TimeOtp-Secret-Hex": "zz"}, {"TOTP Seed": "A", "TOTP Settings": "30;S"}],
)
def test_settings_that_are_not_understood_stay_as_they_are(strings: dict[str, str]) -> None:
    (item,) = read(keepass(entry("x", *(string(key, value) for key, value in strings.items()))))
    assert plain(item) == strings


class TestHostileFiles:
    BOMB = '<!DOCTYPE a [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
    OUTSIDE = '<!DOCTYPE a [<!ENTITY f SYSTEM "file:///etc/passwd">]>'

    @pytest.mark.parametrize("before", [BOMB, OUTSIDE, "<!DOCTYPE KeePassFile>", '<!DOCTYPE a SYSTEM "http://x/">'])
    def test_a_document_type_is_refused_where_it_begins(self, before: str) -> None:
        with pytest.raises(InvalidInput, match="Line 1 declares a document type"):
            read(keepass(entry("x"), before=before))

    def test_an_attachment_that_unpacks_to_too_much_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(keepass_xml, "MAX_VALUE", 1 << 20)
        packed = base64.b64encode(gzip.compress(bytes(8 << 20))).decode()
        with pytest.raises(InvalidInput, match="more than 1 MiB"):
            read(keepass(meta=f'<Binaries><Binary ID="0" Compressed="True">{packed}</Binary></Binaries>'))

    def test_a_value_that_goes_on_for_ever_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(keepass_xml, "MAX_VALUE", 1 << 10)
        with pytest.raises(InvalidInput, match="line 1 goes on"):
            read(keepass(entry("x", password="p" * 2000)))

    def test_nesting_has_an_end(self) -> None:
        with pytest.raises(InvalidInput, match="nested deeper"):
            read(keepass("<Group>" * 300 + "</Group>" * 300))

    def test_what_is_no_xml_or_no_keepass_is_refused_without_a_word_of_it(self) -> None:
        sentinel = secrets.token_hex()
        for data in (
            keepass(entry("x", password=sentinel))[:-40],
            b"<Other>" + sentinel.encode(),
            sentinel.encode(),
            b"",
        ):
            with pytest.raises(InvalidInput) as raised:
                read(data)
            assert sentinel not in str(raised.value)

    def test_entries_come_while_the_file_is_still_read(self) -> None:
        """A million entries do not lie in memory together."""

        class Counted(BytesIO):
            taken = 0

            def read(self, size: int | None = -1) -> bytes:
                piece = super().read(size)
                self.taken += len(piece)
                return piece

        file = Counted(keepass(*(entry(f"x{number}", password="p" * 100) for number in range(2000))))
        next(keepass_xml.read(file))
        assert file.taken < 1 << 17


texts = st.text(st.characters(exclude_categories=("Cs", "Cc", "Cn")) | st.sampled_from("\t\n\r&<>\"'"), max_size=20)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(texts.filter(lambda name: name not in {"", "otp"}), texts, max_size=4))
def test_any_value_that_xml_can_hold_comes_back_exactly(values: dict[str, str]) -> None:
    standard = {"Title", "UserName", "Password", "URL", "Notes"}
    values = {name: text for name, text in values.items() if name not in standard | {"password", "notes"}}
    (item,) = read(keepass(entry("x", *(string(key, text) for key, text in values.items()))))
    assert plain(item) == values


ELEMENTS = ("Meta", "Root", "Group", "Entry", "History", "String", "Binary", "Binaries", "Key", "Value", "UUID", "Name")
ELEMENTS += ("Notes", "Times", "CreationTime", "LastModificationTime", "Expires", "Tags", "CustomData", "Item")
texts_of_elements = st.sampled_from(["", "Title", "True", "AA==", "!", "2020-01-01T00:00:00Z", "//////////8=", "otp"])
trees = st.recursive(
    texts_of_elements,
    lambda inner: st.lists(
        st.builds(
            lambda name, more, body: f"<{name}{more}>{body}</{name}>",
            st.sampled_from(ELEMENTS),
            st.sampled_from(["", ' Ref="0"', ' ID="0"', ' Compressed="True"', ' Protected="True"']),
            inner,
        ),
        max_size=4,
    ).map("".join),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(trees)
def test_elements_in_any_order_are_read_or_refused_in_our_words(inner: str) -> None:
    try:
        read(f"<KeePassFile>{inner}</KeePassFile>".encode())
    except InvalidInput:
        return


class TestCsv:
    XC = '"Group","Title","Username","Password","URL","Notes","TOTP","Icon","Last Modified","Created"\n'
    ONE = '"Account","Login Name","Password","Web Site","Comments"\r\n'

    def test_the_one_of_keepassxc(self) -> None:
        row = '"Root/Web","mail","bob","p""w","http://a","two\nlines","otpauth://x","0","2021-01-01T00:00:00Z","2020-01-01T00:00:00Z"'
        (item,) = read((self.XC + row).encode(), Format.KEEPASS_CSV)
        assert item.path == "Web/mail"
        assert plain(item) == {
            "username": "bob",
            "password": 'p"w',
            "url": "http://a",
            "notes": "two\nlines",
            "totp": "otpauth://x",
        }
        assert item.history is not None
        assert item.history.metadata.updated_at == datetime(2021, 1, 1, tzinfo=UTC)

    def test_the_one_of_keepass_has_backslashes(self) -> None:
        data = (self.ONE + '"mail","bob","p\\"w\\\\","http://a",""\r\n').encode()
        assert fields(data, Format.KEEPASS_CSV) == {"mail": {"username": "bob", "password": 'p"w\\', "url": "http://a"}}

    @pytest.mark.parametrize("data", ["a,b\n1,2\n", ONE + '"x"\r\n', ONE + '"mail","b"x', ""])
    def test_what_is_not_in_order_is_told_by_line(self, data: str) -> None:
        with pytest.raises(InvalidInput):
            read(data.encode(), Format.KEEPASS_CSV)

    @settings(max_examples=60, deadline=None)
    @given(st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=20))
    def test_any_value_comes_back_exactly(self, value: str) -> None:
        doubled, escaped = value.replace('"', '""'), value.replace("\\", "\\\\").replace('"', '\\"')
        xc = f'{self.XC}"R","x","","{doubled}","","","","","",""\n'.encode()
        assert fields(xc, Format.KEEPASS_CSV) == {"x": {"password": value}}
        one = f'{self.ONE}"x","","{escaped}","",""\r\n'.encode()
        assert fields(one, Format.KEEPASS_CSV) == {"x": {"password": value}}
