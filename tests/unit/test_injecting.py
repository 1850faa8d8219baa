"""Templates: what is replaced is read back as the value it is, everything else stays as it is, byte for byte."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from kvtui.backends.memory import MemoryBackend
from kvtui.domain.errors import InvalidInput, KvtuiError, NotFound
from kvtui.domain.value import SecretValue
from kvtui.services.injecting import TemplateFormat, format_of, inject
from kvtui.services.profiles import Profile, Profiles
from kvtui.services.references import Resolver
from kvtui.services.session import Session

Inject = Callable[[str | bytes, str], bytes]

VALUES: dict[str, Any] = {
    "text": "plain",
    "quotes": "a\"b'c\\d",
    "lines": "one\ntwo\r\n\ttab\n",
    "odd": "\x00\x1b\x7f\x85\u2028\ufeff\U0001f600: #{[&*!|>%@`",
    "empty": "",
    "yes": "yes",
    "digits": "0123",
    "number": 5432,
    "true": True,
    "null": None,
    "list": [1, "a", {"b": None}],
    "map": {"k": "v", "n": {"x": "\U0001f600"}},
    "bytes": b"\xff\xfe\x00",
    "utf8": "caf\u00e9".encode(),
}
NAMES = [name for name in VALUES if name not in {"bytes", "utf8"}]


def injector(folder: Path, values: dict[str, Any]) -> Inject:
    profile = Profile("p", "memory", MappingProxyType({"name": str(folder)}))
    session = Session(profile, state_dir=folder)
    session.unlock()
    session._backend = backend = MemoryBackend()
    for name, value in values.items():
        backend.write(f"v/{name}", {"value": SecretValue(value)})
    resolver = Resolver(Profiles({"p": profile}, profile), lambda _: session)

    def run(template: str | bytes, form: str) -> bytes:
        data = template.encode() if isinstance(template, str) else template
        return inject(data, TemplateFormat(form), resolver)

    return run


@pytest.fixture(scope="module")
def injected(tmp_path_factory: pytest.TempPathFactory) -> Inject:
    return injector(tmp_path_factory.mktemp("inject"), VALUES)


# -- text


def test_a_text_gets_the_bytes_as_they_are(injected: Inject) -> None:
    template = b"\xff a=kv:///v/bytes\r\nb='kv:///v/quotes' c={{kv:///v/text}}/{{ kv:///v/utf8 }}\n\0"
    assert injected(template, "text") == (b"\xff a=\xff\xfe\x00\r\nb='a\"b'c\\d' c=plain/caf\xc3\xa9\n\0")


@given(st.binary())
def test_a_text_without_references_stays_as_it_is(injected: Inject, data: bytes) -> None:
    template = data.replace(b"://", b":")
    assert injected(template, "text") == template


def test_what_is_put_in_is_not_looked_through_again(tmp_path: Path) -> None:
    run = injector(tmp_path, {"one": "kv:///v/two", "two": "no"})
    assert run("kv:///v/one", "text") == b"kv:///v/two"


@pytest.mark.parametrize("form", ["text", "yaml"])
def test_a_missing_one_names_itself_and_its_line(injected: Inject, form: str) -> None:
    with pytest.raises(NotFound, match=r"^line 3, kv:///v/nope: ") as caught:
        injected("a: kv:///v/text\n\nb: kv:///v/nope\n", form)
    assert "plain" not in str(caught.value)


def test_what_is_no_reference_names_its_line(injected: Inject) -> None:
    with pytest.raises(InvalidInput, match=r"^line 2: "):
        injected("\nkv://v", "text")
    with pytest.raises(KvtuiError, match=r"^line 1: "):
        injected("kv:///v/../x", "text")


# -- YAML and JSON


@pytest.mark.parametrize("name", VALUES)
def test_yaml_reads_the_value_with_its_type(injected: Inject, name: str) -> None:
    template = (
        f"# kept: '  x'\nplain: kv:///v/{name} # also kept\nquoted: \"kv:///v/{name}\"\nsingle: 'kv:///v/{name}'\n"
        f"braced: {{{{ kv:///v/{name} }}}}\nlist: [kv:///v/{name} , {{key: {name}, vault: v}}]\n"
        f"block:\n  vault: v\n  key: {name}\nitems:\n- vault: v\n  key: {name} # x\n- last: &a kv:///v/{name}\n- *a\n"
    )
    out = injected(template, "yaml")
    value = "caf\u00e9" if name == "utf8" else VALUES[name]
    assert yaml.safe_load(out) == {
        **dict.fromkeys(("plain", "quoted", "single", "braced", "block"), value),
        "list": [value, value],
        "items": [value, {"last": value}, value],
    }
    assert out.startswith(b"# kept: '  x'\nplain: ")
    assert b" # also kept\nquoted: " in out


@pytest.mark.parametrize("name", [*NAMES, "utf8"])
def test_json_reads_the_value_with_its_type(injected: Inject, name: str) -> None:
    template = (
        f'{{\t"a" : "kv:///v/{name}",\n "b": [{{"vault":"v","key":"{name}"}}, {{ "key" : "{name}" , "vault" : "v" }}],'
        f' "c": "{{{{kv:///v/{name}}}}}", "d": {{"vault": "v", "key": "{name}", "x": 1}}}}\n\n'
    )
    out = injected(template, "json")
    value = "caf\u00e9" if name == "utf8" else VALUES[name]
    assert json.loads(out) == {"a": value, "b": [value, value], "c": value, "d": {"vault": "v", "key": name, "x": 1}}
    assert out.startswith(b'{\t"a" : ')
    assert out.endswith(b"}\n\n")


def test_bytes_that_are_not_text_have_no_place_in_json(injected: Inject) -> None:
    with pytest.raises(InvalidInput, match=r"line 1, kv:///v/bytes: .*bytes"):
        injected('["kv:///v/bytes"]', "json")
    with pytest.raises(InvalidInput, match=r"line 1, kv:///v/bytes: .*bytes"):
        injected("x y kv:///v/bytes", "yaml")


@pytest.mark.parametrize("form", ["yaml", "json"])
def test_references_within_a_text_make_one_text(injected: Inject, form: str) -> None:
    template = '{"url": "postgres://u:{{kv:///v/quotes}}@h:{{kv:///v/number}}/ kv:///v/true \\u00e9 \\ud83d\\ude00"}'
    if form == "yaml":
        template = template.replace("\\ud83d\\ude00", "\U0001f600")
    out = injected(template, form)
    read = json.loads(out) if form == "json" else yaml.safe_load(out)
    assert read == {"url": "postgres://u:a\"b'c\\d@h:5432/ true \u00e9 \U0001f600"}


def test_a_block_of_text_in_yaml_stays_that_text(injected: Inject) -> None:
    template = "a: |\n  user: kv:///v/text\n  pw: 'kv:///v/lines'\n\nb: >-\n  folded kv:///v/text\n  more\nc: 1\n"
    read = yaml.safe_load(injected(template, "yaml"))
    assert read == {"a": "user: plain\npw: 'one\ntwo\r\n\ttab\n'\n", "b": "folded plain more", "c": 1}


def test_several_documents_and_a_byte_order_mark_are_kept(injected: Inject) -> None:
    template = "\ufeffa: kv:///v/text\n---\n# x\n- kv:///v/text\n"
    assert injected(template, "yaml") == '\ufeffa: "plain"\n---\n# x\n- "plain"\n'.encode()
    assert injected('\ufeff"kv:///v/text"', "json") == '\ufeff"plain"'.encode()


@pytest.mark.parametrize(
    "template",
    [
        "a: {vault: v}\nb: {vault: v, key: k, more: 1}\nc: {vault: {x: 1}, key: k}\nd: {value: v, key: k}\n",
        "a: &x {vault: v, keys: k}\nb: [vault, key]\nc: !t {k: v}\nd: {{ x }}\ne:\n  vault: v\n  keys: k\n",
        "",
        "a: file:///etc/passwd\n",
    ],
)
def test_maps_of_anything_else_stay_as_they_are(injected: Inject, template: str) -> None:
    assert injected(template, "yaml") == template.encode()


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from([f"kv:///v/{name}" for name in NAMES]),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    ),
    st.sampled_from([None, 1, "\t"]),
    st.booleans(),
)
def test_any_json_document_is_the_same_but_for_its_references(
    injected: Inject, document: Any, indent: int | str | None, is_ascii: bool
) -> None:
    template = json.dumps(document, indent=indent, ensure_ascii=is_ascii)
    if template.count("://") == template.count('"kv:///v/'):
        assert json.loads(injected(template.encode("utf-8", "surrogatepass"), "json")) == resolved(document)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from([f"kv:///v/{name}" for name in NAMES]),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    ),
    st.booleans(),
)
def test_any_yaml_document_is_the_same_but_for_its_references(injected: Inject, document: Any, flow: bool) -> None:
    template = yaml.safe_dump(document, default_flow_style=flow, allow_unicode=True)
    if template.count("://") == template.count("kv:///v/"):
        # Not everything PyYAML writes is what it reads.
        assert yaml.safe_load(injected(template, "yaml")) == resolved(yaml.safe_load(template))


def resolved(document: Any) -> Any:
    if isinstance(document, str) and document.startswith("kv:///v/"):
        return VALUES[document.removeprefix("kv:///v/")]
    if isinstance(document, list):
        return [resolved(each) for each in document]
    if isinstance(document, dict):
        return {key: resolved(value) for key, value in document.items()}
    return document


@pytest.mark.parametrize(
    ("template", "form"),
    [
        ("a: [1", "yaml"),
        ("a: 'x", "yaml"),
        ("\x01", "yaml"),
        ("a: b: c", "yaml"),
        (b"\xff", "yaml"),
        ("{", "json"),
        ("{'a': 1}", "json"),
        ("[" * 100_000, "json"),
        (b"\xff", "json"),
        ('{"a": 1, "a": 2}', "json"),
    ],
)
def test_what_is_not_of_its_format_is_refused(injected: Inject, template: str | bytes, form: str) -> None:
    with pytest.raises(InvalidInput, match="template"):
        injected(template, form)


def test_a_long_template_is_read_in_good_time(injected: Inject) -> None:
    rows = [f"k{number}: kv:///v/text" for number in range(2000)]
    assert injected("\n".join(rows), "yaml").count(b'"plain"') == 2000
    assert injected("\n".join(rows * 10), "text").count(b"plain") == 20_000
    assert injected(json.dumps(dict(row.split(": ") for row in rows)), "json").count(b'"plain"') == 2000


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("a.yaml.in", "yaml"),
        ("a.json.tpl", "json"),
        ("a.tmpl", "text"),
        ("a.yaml", "yaml"),
        ("a.YML", "yaml"),
        ("a.json", "json"),
        (".env", "text"),
        ("", "text"),
    ],
)
def test_the_format_is_told_by_the_name(name: str, form: str) -> None:
    assert format_of(name) is TemplateFormat(form)
