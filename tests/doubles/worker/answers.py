"""The shapes of the worker's answers and of Cloudflare's own pages in front of it."""

from __future__ import annotations

from tests.doubles.server import Reply
from tests.doubles.worker.script import Json, stringify

CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, POST, PUT, PATCH, DELETE, OPTIONS",
    "Access-Control-Allow-Headers": (
        "Content-Type, Authorization, CF-Access-Client-Id, CF-Access-Client-Secret, Cf-Access-Jwt-Assertion"
    ),
    "Access-Control-Max-Age": "86400",
}
HTML = {"Content-Type": "text/html; charset=UTF-8"}


class Refused(Exception):  # noqa: N818
    """An answer that is an error: its code is left out where the server leaves it out."""

    def __init__(self, text: str, status: int, code: str = "") -> None:
        super().__init__(text)
        self.text, self.status, self.code = text, status, code


def success(status: int = 200, /, **members: Json) -> Reply:
    return Reply(status, stringify({"success": True, **members}).encode(), CORS)


def error(text: str, status: int, code: str = "") -> Reply:
    body = {"success": False, "error": text} | ({"code": code} if code else {})
    return Reply(status, stringify(body).encode(), CORS)


def page(status: int, title: str, text: str, **headers: str) -> Reply:
    """HTML of Cloudflare's edge."""
    body = f"<!DOCTYPE html>\n<html><head><title>{title}</title></head><body><h1>{title}</h1>{text}</body></html>\n"
    return Reply(status, body.encode(), {**HTML, **headers})


def thrown() -> Reply:
    """What the edge shows for a worker that threw."""
    return page(500, "Worker threw exception | Cloudflare", "<p>Error 1101</p>")
