"""Where references stand in a YAML template, and how a value is written there.

The template is read as tokens with their places, not as a document that is written anew: what is not replaced stays as
it is, comments and layout too.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Sequence

import yaml

from kvtui.domain.errors import InvalidInput
from kvtui.services.injecting import Slot, pieces
from kvtui.services.references import Wanted, parse_map

_STARTS = (yaml.FlowMappingStartToken, yaml.BlockMappingStartToken)
_MAP = (yaml.KeyToken, yaml.ScalarToken, yaml.ValueToken, yaml.ScalarToken)
_BRACED = (
    *(yaml.FlowMappingStartToken, yaml.FlowMappingStartToken, yaml.ScalarToken),
    *(yaml.FlowMappingEndToken, yaml.FlowMappingEndToken),
)
_PAIR = re.compile(r"\\ud([89ab][0-9a-f]{2})\\ud([c-f][0-9a-f]{2})")


def yaml_slots(text: str) -> Iterator[Slot]:
    """In the order of the text. Raises InvalidInput with the line of what is no YAML or no reference."""
    try:
        for node in yaml.parse(text, Loader=yaml.SafeLoader):  # tokens alone pass more than is YAML
            del node
        tokens = list(yaml.scan(text, Loader=yaml.SafeLoader))
    except yaml.MarkedYAMLError as error:
        line = f" Line {error.problem_mark.line + 1} cannot be read." if error.problem_mark else ""
        raise InvalidInput(f"The template is not YAML.{line}", hint="Use --format text.") from None
    except yaml.YAMLError:
        raise InvalidInput("The template holds characters that YAML has not.", hint="Use --format text.") from None
    at = 0
    while at < len(tokens):
        slot, at = _slot(text, tokens, at)
        if slot is not None:
            yield slot


def _slot(text: str, tokens: list[yaml.Token], at: int) -> tuple[Slot | None, int]:
    """What is replaced at this token, None for nothing; and the token to go on with."""
    token = tokens[at]
    if _are(tokens[at : at + len(_BRACED)], _BRACED):  # without quotes, double braces are maps to YAML
        scalar = tokens[at + 2]
        start, end = token.start_mark.index, tokens[at + 4].end_mark.index
        parts = pieces(text[start:end], _where(scalar))
        if len(parts) == 1 and isinstance(parts[0], Wanted):
            return Slot(start, end, parts), at + len(_BRACED)
    if isinstance(token, _STARTS) and (found := _map(tokens, at)) is not None:
        return found
    if isinstance(token, yaml.ScalarToken):
        parts = pieces(token.value, _where(token))
        if any(isinstance(part, Wanted) for part in parts):
            start, end = token.start_mark.index, token.end_mark.index
            # A block's place goes to the next line that is not its own.
            end = start + len(text[start:end].rstrip())
            return Slot(start, end, parts), at + 1
    return None, at + 1


def _map(tokens: list[yaml.Token], at: int) -> tuple[Slot, int] | None:
    """`{vault: V, key: K}` in either style."""
    start = tokens[at]
    is_flow = isinstance(start, yaml.FlowMappingStartToken)
    inside = tokens[at + 1 : at + 1 + 2 * len(_MAP) + is_flow]
    end_at = at + 1 + len(inside)
    if is_flow and (len(inside) <= len(_MAP) or not isinstance(inside.pop(len(_MAP)), yaml.FlowEntryToken)):
        return None
    if not _are(inside, _MAP * 2):
        return None
    end = tokens[end_at]
    if not isinstance(end, yaml.FlowMappingEndToken if is_flow else yaml.BlockEndToken):
        return None
    scalars = [token.value for token in inside if isinstance(token, yaml.ScalarToken)]
    found = dict(zip(scalars[::2], scalars[1::2], strict=True))
    if set(found) != {"vault", "key"}:
        return None
    last = end if is_flow else inside[-1]
    wanted = parse_map(found["vault"], found["key"], _where(start))
    return Slot(start.start_mark.index, last.end_mark.index, [wanted]), end_at + 1


def _are(tokens: Sequence[yaml.Token], kinds: Sequence[type]) -> bool:
    return len(tokens) == len(kinds) and all(map(isinstance, tokens, kinds))


def _where(token: yaml.Token) -> str:
    return f"line {token.start_mark.line + 1}"


def escaped(text: str) -> str:
    """JSON that YAML reads the same: characters beyond U+FFFF in one escape, and none that YAML has not."""
    joined = _PAIR.sub(
        lambda match: f"\\U{0x10000 + ((int(match[1], 16) & 0x3FF) << 10) + (int(match[2], 16) & 0x3FF):08x}", text
    )
    return joined.replace("\x7f", "\\x7f")


def binary(data: bytes) -> bytes | None:
    """Bytes that are not text, as YAML has them; None for text."""
    try:
        data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return b'!!binary "' + base64.b64encode(data) + b'"'
    return None
