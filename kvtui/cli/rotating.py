"""generate, rotate, due: new values for old secrets."""

from __future__ import annotations

from argparse import Namespace

from kvtui.cli.arguments import Command, Parser
from kvtui.cli.context import Context
from kvtui.cli.exits import Exit
from kvtui.domain.codec import to_text
from kvtui.services.generator import CLASSES, DEFAULT_LENGTH, DEFAULT_WORDS, REQUIRABLE, Recipe


def _recipe_arguments(parser: Parser) -> None:
    group = parser.add_argument_group("what to generate")
    group.add_argument("--length", metavar="N", help=f"so many characters ({DEFAULT_LENGTH})")
    group.add_argument("--charset", metavar="SET", help=f"a class ({', '.join(CLASSES)}; joined by +), or characters")
    group.add_argument("--require", metavar="CLASS", action="append", help=f"at least one of: {', '.join(REQUIRABLE)}")
    group.add_argument("--words", metavar="N", help=f"so many words ({DEFAULT_WORDS} are strong) instead of characters")
    group.add_argument("--separator", metavar="TEXT", help="what stands between words")


def _recipe(args: Namespace) -> Recipe:
    return Recipe.parse(
        length=args.length,
        charset=args.charset,
        words=args.words,
        separator=args.separator,
        required=args.require or (),
    )


def _generate(context: Context, args: Namespace) -> int:
    from kvtui.services.generator import entropy_bits, formula, generate  # noqa: PLC0415

    recipe = _recipe(args)
    text = to_text(generate(recipe))
    out = context.out
    if out.json:
        out.dump({"value": text, "bits": round(entropy_bits(recipe), 1)})
        return Exit.DONE
    out.bytes(text.encode() + b"\n" * out.is_terminal)
    if out.is_terminal:
        out.note(formula(recipe))
    return Exit.DONE


COMMANDS = {"generate": Command(_generate, _recipe_arguments)}
