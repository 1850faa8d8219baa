"""search: find secrets by name, in one store or in all; by what their values hold, where that is asked for."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

from kvtui.cli.arguments import Command, Parser, whole
from kvtui.cli.context import Context
from kvtui.cli.exits import Usage
from kvtui.cli.skipping import skipped_json, tell_skipped
from kvtui.domain.capability import Capability
from kvtui.domain.json_text import Json
from kvtui.services.left_out import LeftOut

if TYPE_CHECKING:
    from kvtui.backends.contract import Backend
    from kvtui.services.search import SearchResult


def _arguments(parser: Parser) -> None:
    parser.add_argument(
        "query", metavar="QUERY", nargs="?", help="words, and filters: type: tag: owner: desc: path: value:"
    )
    parser.add_argument("--exact", action="store_true", help="the query stands in the path as it is")
    parser.add_argument("--limit", metavar="N", type=whole(1), default=None, help="at most this many")
    parser.add_argument("--all", action="store_true", help="in every profile that opens without asking")
    parser.add_argument(
        "--value", action="store_true", help="by a part of a value, which is asked for or read from standard input"
    )
    parser.add_argument(
        "--on-servers", action="store_true", help="with --value: on servers too, one request for each secret"
    )
    parser.add_argument(
        "--timeout", metavar="SECONDS", type=whole(1), default=600, help="for reading values; 600 without it"
    )


def _search(context: Context, args: Namespace) -> int:
    if args.value or ("value:" in (args.query or "").lower() and not args.exact):
        from kvtui.cli.searching_values import by_value  # noqa: PLC0415 - values are searched only when asked
        from kvtui.services.value_search import parse  # noqa: PLC0415

        asked = parse(args.query or "")
        if args.value or asked.of_values:
            return by_value(context, args, asked)
    if args.query is None:
        raise Usage("QUERY: missing.", hint="See kvtui search --help.")
    if args.all:
        from kvtui.cli.searching_everywhere import everywhere  # noqa: PLC0415

        return everywhere(context, args)
    return _here(context, args)


def _here(context: Context, args: Namespace) -> int:
    backend = context.session().backend
    left_out = LeftOut()
    result = _found(backend, args, left_out)
    out = context.out
    if out.json:
        matches: list[Json] = [{"path": match.path} for match in result.matches]
        out.dump({"query": result.query, "matches": matches, "complete": result.complete, **skipped_json(left_out)})
        return tell_skipped(out, left_out)
    for match in result.matches:
        out.line(out.name(match.path))
    if result.more:
        out.note("There are more.")
    elif not result.complete and not left_out:
        out.note("This store cannot list: others may be there that were not used from here, or that it did not find.")
    return tell_skipped(out, left_out)


def _found(backend: Backend, args: Namespace, left_out: LeftOut) -> SearchResult:
    from kvtui.services.search import NamesIndex, search_exact, searches_there  # noqa: PLC0415

    query, limit = args.query, args.limit
    if args.exact and backend.can(Capability.INDEX) and not searches_there(backend):
        return search_exact(backend, query, limit, skipped=left_out)
    index = NamesIndex()
    index.refresh(backend, skipped=left_out)
    if not searches_there(backend):
        return index.query(query, limit, exact=args.exact)
    from kvtui.services.server_search import search_there  # noqa: PLC0415 - few stores search by themselves

    return search_there(backend, query, limit, exact=args.exact, known=index, skipped=left_out)


COMMANDS = {"search": Command(_search, _arguments)}
