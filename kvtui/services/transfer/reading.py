"""The secrets of a file, streamed: gone through once to check it all, then as often as they are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from typing import BinaryIO

from kvtui.domain import path as paths
from kvtui.domain.codec import from_json
from kvtui.domain.errors import InvalidInput
from kvtui.domain.json_text import Json
from kvtui.domain.progress import Progress, silent
from kvtui.domain.value import SecretValue
from kvtui.services.transfer import all_versions, dotenv, json_tree, kv_json, yaml_tree
from kvtui.services.transfer.json_stream import Entered, JsonStream
from kvtui.services.transfer.model import Format, Item
from kvtui.services.transfer.tree import ONLY_FIELD, secrets_at
from kvtui.services.transfer.window import SIZE, Window

_TOLD_EVERY = 1000


