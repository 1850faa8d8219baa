"""Tables of `vault.db`, and their rows. Times and intervals are whole microseconds, UTC since 1970."""

from __future__ import annotations

from typing import NamedTuple

FILE = "vault.db"
APPLICATION_ID = 0x4B565431
"""`KVT1`, for file(1) and for us; inside the encryption."""
VERSION = 1
"""PRAGMA user_version. A vault of a higher one is not opened; a lower one is migrated on the way up."""

LIVE, DELETED, DESTROYED = 0, 1, 2

DDL = """
CREATE TABLE state(
  id INTEGER PRIMARY KEY CHECK(id = 0),
  uuid BLOB NOT NULL,
  generation INTEGER NOT NULL,   -- one more with every commit
  accumulator BLOB NOT NULL,     -- see accumulator.py
  row_count INTEGER NOT NULL,    -- how many rows the accumulator is over
  header_epoch INTEGER NOT NULL, -- of the newest vault.hdr
  seed BLOB NOT NULL             -- sealed as (0, 0); keys for local files come from it and outlive the master key
) STRICT;
CREATE TABLE secret(
  id INTEGER PRIMARY KEY AUTOINCREMENT, -- never used again: values are sealed to it
  path TEXT NOT NULL UNIQUE,
  type TEXT NOT NULL,
  description TEXT NOT NULL,
  tags TEXT NOT NULL,            -- one per line
  owner TEXT,
  created_by TEXT,
  created_at INTEGER,
  updated_at INTEGER,
  rotation INTEGER,
  rotate_due INTEGER,
  custom TEXT NOT NULL,          -- JSON object
  current INTEGER NOT NULL,      -- newest version
  state INTEGER NOT NULL CHECK(state IN (0, 1, 2)), -- of the newest version
  max_versions INTEGER NOT NULL  -- 0: as the vault has it
) STRICT;
CREATE INDEX secret_due ON secret(rotate_due) WHERE rotate_due IS NOT NULL;
CREATE TABLE version(
  secret INTEGER NOT NULL REFERENCES secret(id) ON DELETE CASCADE,
  number INTEGER NOT NULL,
  state INTEGER NOT NULL CHECK(state IN (0, 1, 2)),
  created_at INTEGER,
  created_by TEXT,
  deleted_at INTEGER,
  deleted_by TEXT,
  sealed BLOB,                   -- see sealing.py
  PRIMARY KEY(secret, number),
  CHECK((state = 2) = (sealed IS NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX version_deleted ON version(secret, number) WHERE state = 1;
CREATE TABLE container(name TEXT PRIMARY KEY, created_at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE VIRTUAL TABLE search USING fts5(
  path, description, tags, content='secret', content_rowid='id', tokenize='trigram', detail=none
);
INSERT INTO search(search, rank) VALUES('secure-delete', 1);
"""


class SecretRow(NamedTuple):
    id: int
    path: str
    type: str
    description: str
    tags: str
    owner: str | None
    created_by: str | None
    created_at: int | None
    updated_at: int | None
    rotation: int | None
    rotate_due: int | None
    custom: str
    current: int
    state: int
    max_versions: int


class VersionRow(NamedTuple):
    secret: int
    number: int
    state: int
    created_at: int | None
    created_by: str | None
    deleted_at: int | None
    deleted_by: str | None
    sealed: bytes | None


class ContainerRow(NamedTuple):
    name: str
    created_at: int


class StateRow(NamedTuple):
    uuid: bytes
    generation: int
    accumulator: bytes
    row_count: int
    header_epoch: int
    seed: bytes


# Column lists are constants of ours, never input: the S608 exemptions beside them rest on that.
SECRET = ", ".join(SecretRow._fields)
VERSION_COLUMNS = ", ".join(VersionRow._fields)
STATE = ", ".join(StateRow._fields)
