"""Every command on every kind of store: that it works, or why it does not. docs/commands.md is made of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

STORES: Mapping[str, str] = MappingProxyType(
    {
        "file": "file",
        "vault": "vault (KV 2)",
        "kv1": "vault (KV 1)",
        "worker": "worker",
        "trust": "trust",
        "tailor": "tailor",
        "crud": "crud (KVv2)",
        "crud_yaml": "crud (YAML)",
        "yaml": "yaml",
    }
)
"""Profiles of tests.stores.places by the heading of their column."""

SEEDED = ("looked", "written", "reverted", "removed", "destroyed", "versioned", "copied", "moved", "renewed")
"""The secrets that are there, in two versions where versions are kept, the newer one the text `two`."""


@dataclass(frozen=True)
class Line:
    """One command line. `F` in it is the folder of all secrets, `{in}` a file to import, `{changes}` one to apply,
    `{template}` one to fill in, `{token}` one with what `share` printed, `{pass}` one with a passphrase, `{out}` one
    that is not there yet.

    `refused`: the exit code and a part of what is said, by store; all others do it and exit with 0. `sends`: how many
    requests that change something a remote store gets for it; None for as many as there are versions and owners.
    """

    argv: str
    what: str
    refused: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    sends: int | None = 0

    @property
    def shown(self) -> str:
        """As in the documentation."""
        names = {
            "{in}": "FILE",
            "{changes}": "FILE",
            "{lease}": "ID",
            "{template}": "FILE",
            "{token}": "FILE",
            "{out}": "FILE",
            "{pass}": "FILE",
            "F": "PATH",
            "looked": "QUERY",
            "con-tainer": "NAME",
            "reader": "ROLE",
        }
        words = [names.get(word, "PATH" if word.startswith("F/") else word) for word in self.argv.split()]
        return " ".join(words).replace("PATH PATH", "A B")


def _no(text: str, *stores: str, code: int = 9) -> dict[str, tuple[int, str]]:
    return dict.fromkeys(stores, (code, text))


_NEVER = _no("never gives a value back", "tailor")
_ONE = {
    **_no("KV version 1 keeps no versions", "kv1"),
    **_no("keeps the newest value only", "worker"),
    **_no("A YAML file keeps no versions", "crud_yaml", "yaml"),
}
_ONE_BEFORE = _no("no version before this one", "kv1", "worker", "crud_yaml", "yaml", code=2)
_BARE = {
    **_no("keeps values alone", "crud_yaml", "yaml"),
    **_no("keeps a secret's name and times, and nothing else", "tailor"),
}
_BARE_KV1 = _no("KV version 1 keeps values alone", "kv1")
_NOTHING_KNOWN = _no("nothing known about it", "kv1")
_ONLY_WITH_A_VALUE = _no("only together with a new value", "trust")
_NEVER_DELETED = _no("deletes nothing", "trust")
_CONTAINERS = {
    **_no("cannot keep empty containers", "vault", "kv1", "crud", "crud_yaml", "yaml"),
    **_no("A folder is there because of what is in it", "worker"),
    **_no("a path is just a name", "trust"),
}
_LEASES = {
    **_no("cannot issue short-lived credentials", "file", "crud", "crud_yaml", "yaml"),
    **_no("issues no credentials", "worker"),
    **_no("issues no short-lived credentials", "tailor"),
}
_RENEWALS = {
    **_no("cannot renew and revoke them", "file", "crud", "crud_yaml", "yaml"),
    **_no("issues no credentials", "worker"),
    **_no("issues no short-lived credentials", "tailor"),
    **_no("they end by themselves", "trust"),
}
_SIGN_IN = _no("Nobody signs in", "file", "trust", "crud", "crud_yaml", "yaml")
_KEYS = {
    **_no("cannot manage passphrases and keys", "vault", "kv1", "worker", "crud", "crud_yaml", "yaml"),
    **_no("managed by whoever runs the store", "trust"),
    **_no("managed by Tailor Platform", "tailor"),
}
_SHARES = {
    **_no("cannot share once", "file", "worker", "crud", "crud_yaml", "yaml"),
    **_no("no way to share something once", "trust"),
    **_NEVER,
}
_NOT_BY_ITSELF = {
    **_no("cannot copy and move the newest values on the server", "file", "vault", "kv1", "yaml"),
    **_no("A worker copies nothing by itself", "worker"),
    **_no("copies nothing by itself", "trust"),
    **_NEVER,
}

LINES = (
    Line("ls F", "list a folder"),
    Line("tree", "draw all of it"),
    Line("search looked", "find it", _no("directly below a folder, not further down", "crud", code=4)),
    Line("get F/looked", "read a value", _NEVER),
    Line("get F/looked --version 1", "read an old value", {**_ONE, **_NEVER}),
    Line("set F/new-one", "create", sends=1),
    Line("set F/written", "write", sends=1),
    Line(
        "set F/typed --type token",
        "with a type",
        {**_BARE, **_BARE_KV1, **_no("keeps no type", "trust", "crud")},
        sends=None,
    ),
    Line(
        "set F/owned --owner me", "with an owner", {**_BARE, **_BARE_KV1, **_no("keeps no owner", "worker")}, sends=None
    ),
    Line("meta F/looked", "show metadata"),
    Line(
        "meta F/written --owner me",
        "change the owner",
        {**_BARE, **_NOTHING_KNOWN, **_ONLY_WITH_A_VALUE, **_no("keeps no owner", "worker")},
        sends=1,
    ),
    Line(
        "meta F/written --description text",
        "change the description",
        {**_BARE, **_NOTHING_KNOWN, **_ONLY_WITH_A_VALUE, **_no("keeps no description", "crud")},
        sends=1,
    ),
    Line("versions F/looked", "list versions", {**_ONE, **_no("without a number", "tailor")}),
    Line("diff F/looked F/written", "compare two secrets", _NEVER),
    Line("diff F/looked", "compare with the version before", {**_ONE_BEFORE, **_NEVER}),
    Line("rollback F/reverted 1", "write an old version anew", {**_ONE, **_NEVER}, sends=1),
    Line("rm F/removed", "delete", _NEVER_DELETED, sends=1),
    Line(
        "undelete F/removed",
        "bring it back",
        {
            **_NEVER_DELETED,
            **_no("keeps nothing of what is deleted", "kv1", "worker", "crud_yaml", "yaml"),
            **_no("is gone", "tailor"),
        },
        sends=1,
    ),
    Line(
        "rm F/versioned --versions 1",
        "delete an old version",
        {**_NEVER_DELETED, **_no("deletes the newest version alone", "crud")},
        sends=1,
    ),
    Line(
        "rm F/destroyed --destroy --yes",
        "destroy for good",
        {
            **_NEVER_DELETED,
            **_NOTHING_KNOWN,
            **_no("Deleting is for good here already", "worker"),
            **_no("gone for good", "tailor"),
            **_no("keeps nothing of what is deleted", "crud_yaml"),
            **_no("cannot destroy for good", "yaml"),
        },
        sends=1,
    ),
    Line(
        "trash",
        "list what can come back",
        {
            **_NEVER_DELETED,
            **_no("keeps nothing of what is deleted", "worker"),
            **_no("is gone", "tailor"),
            **_no("cannot list what can be undeleted", "kv1", "crud", "crud_yaml", "yaml"),
        },
    ),
    Line("cp F/copied F/copy-1", "copy", _NEVER, sends=None),
    Line("mv F/moved F/moved-1", "move", {**_NEVER, **_NEVER_DELETED}, sends=None),
    Line("cp --server F/copied F/copy-2", "copy on the server", _NOT_BY_ITSELF, sends=1),
    Line("mv --server F/copied F/moved-2", "move on the server", _NOT_BY_ITSELF, sends=1),
    Line("rotate F/renewed", "write a generated value", sends=1),
    Line(
        "rotate --server F/renewed",
        "rotate on the server",
        {
            **_no("cannot rotate on the server", "file", "yaml"),
            **_no("KV version 2 does not do this", "vault"),
            **_NOTHING_KNOWN,
            **_no("makes no values", "worker", "tailor"),
        },
        sends=1,
    ),
    Line("generate", "print a random value"),
    Line(
        "due",
        "list what should be rotated",
        {
            **_no("cannot read metadata", "kv1"),
            **_no("gives them back to nobody", "trust"),
            **_no("does not list KVv2", "crud"),
            **_no("keeps values alone", "crud_yaml", "yaml"),
        },
    ),
    Line("health F", "list what is overdue, weak or used twice"),
    Line("import {in}", "read secrets from a file", sends=1),
    Line("apply {changes}", "do the changes of a file", sends=1),
    Line("export F", "write secrets to a file", _NEVER),
    Line("inject -i {template}", "put its values into a file", _NEVER),
    Line("run --path F/looked -- true", "run a program with its values", _NEVER),
    Line("vault create con-tainer", "make an empty container", _CONTAINERS, sends=1),
    Line("vault list", "list the containers", _CONTAINERS),
    Line("vault delete con-tainer", "remove an empty one", _CONTAINERS, sends=1),
    Line("lease issue reader", "issue credentials", _LEASES, sends=None),
    Line("lease list", "list what was issued", _LEASES),
    Line("lease renew {lease}", "let it last longer", _RENEWALS, sends=None),
    Line("lease revoke {lease}", "end it now", _RENEWALS, sends=None),
    Line("share F/looked", "make a token that reads it once", _SHARES, sends=1),
    Line("unwrap --token-file {token}", "read it, once", _SHARES, sends=None),
    Line("login", "sign in, and say as whom", _SIGN_IN),
    Line(
        "backup {out}",
        "write all of it to an encrypted file",
        {
            **_no("cannot back up while in use", "vault", "kv1", "worker", "crud", "crud_yaml", "yaml"),
            **_no("backed up by whoever runs the store", "trust"),
            **_NEVER,
        },
    ),
    Line("key list", "list what opens it", _KEYS),
    Line("key add --recovery", "add a recovery key", _KEYS, sends=None),
    Line("key passwd --new-passphrase-file {pass}", "change the passphrase", _KEYS, sends=None),
    Line("doctor", "check it and this machine"),
    Line("journal", "list what was done from here"),
    Line("journal verify", "check that no line is changed"),
    Line(
        "journal --server",
        "list what the store wrote down",
        {
            **_no("cannot tell what was done", "file", "vault", "kv1", "yaml"),
            **_no("tells nobody by path", "worker"),
            **_no("lets nobody read", "trust"),
            **_no("tells nothing of what happens", "tailor"),
        },
    ),
    Line(
        "logout",
        "end the token and forget it",
        {
            **_SIGN_IN,
            **_no("comes from the profile each time", "worker"),
            **_no("kept by its own tool", "tailor"),
        },
        sends=None,
    ),
)
"""logout is the last one: after it nothing works."""
