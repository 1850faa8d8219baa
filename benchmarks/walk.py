"""The recursive listing of a server's secrets, beside a serial walk and the server's own limit; and the screen
meanwhile: key to frame while all names are read.

Every client is a process or has one to itself; latency is made by a proxy in another one, half of it each way.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from itertools import cycle
from pathlib import Path
from typing import Any

from benchmarks import clients, servers
from benchmarks.clients import Generator, Target, Walked
from benchmarks.proxy import Proxy
from benchmarks.servers import Server
from benchmarks.terminal import Terminal
from kvtui.backends.vault.factory import VaultFactory
from kvtui.backends.vault.opening import WIDTH

LATENCIES = (0.0, 0.02)
"""Seconds a request takes longer."""
CONNECTIONS = (WIDTH, 64)
"""Of the load generator: as many as kvtui has, and what brings a server to its limit."""
KEYS = 300
"""Of each row of the screen, at least: of fewer, the 99th percentile would be one or two moments of the machine."""
KEYS_PER_SECOND = 30
QUIET_SECONDS = 0.2
"""How long nothing passes the proxy until a walk is over, in every sense: what came is sorted and shown by then."""
GOAL_MS = 33
SERIAL = "serial, http.client"
SCAN = "bare SCAN, http.client"


def run(repeats: int, *, secrets: int = 10_000, folders: int = 500, keys: int = KEYS) -> dict[str, Any]:
    """For each server and latency the rows of a listing, and of the screen while `keys` keys or more are pressed. A
    SCAN is one request, whose latency only delays it: the screen meanwhile is looked at once."""
    results: dict[str, Any] = {"secrets": secrets, "folders": folders, "load_before": round(os.getloadavg()[0], 2)}
    with servers.real(secrets, folders) as real:
        if real is None:
            results["real"] = "no bao or vault on PATH"
        else:
            results[real.name] = _server(real, repeats, folders, keys)
    with servers.double(secrets, folders) as double:
        results[double.name] = _server(double, repeats, folders, keys)
    results["load_after"] = round(os.getloadavg()[0], 2)
    return results


def _server(server: Server, repeats: int, folders: int, keys: int) -> dict[str, Any]:
    results: dict[str, Any] = {}
    with Proxy(server.port) as proxy:
        for latency in LATENCIES:
            results[f"listing, {latency * 1000:.0f} ms"] = listing(server, proxy, latency, repeats, folders)
        for latency in LATENCIES:
            proxy.reset(latency)
            results[f"screen, {latency * 1000:.0f} ms"] = {
                kind: _screen(server, proxy, token, keys)
                for kind, token in server.tokens.items()
                if kind != "scan" or latency == LATENCIES[-1]
            }
    return results


# The listing


def listing(server: Server, proxy: Proxy, latency: float, repeats: int, folders: int) -> dict[str, dict[str, float]]:
    """Medians of `repeats` walks of each kind, in turn, so that a busy moment meets all of them. Requests are counted
    at the proxy, in a walk more at first; where nothing is delayed, the others go to the server itself."""
    names = ["", *(f"{folder}/" for folder in servers.folders_of(folders))]
    port = proxy.port if latency else server.port

    def walks(port: int, opened: Callable[[], None] = lambda: None) -> dict[str, Callable[[], Walked]]:
        target = Target(port, server.tokens["list"], server.mount)
        found: dict[str, Callable[[], Walked]] = {
            SERIAL: lambda: clients.serial(target),
            f"bare httpx2, {WIDTH} threads": lambda: clients.bare(target, names, WIDTH),
            "kvtui, LIST": lambda: kvtui(port, server.tokens["list"], server.mount, opened),
        }
        if "scan" in server.tokens:
            able = Target(port, server.tokens["scan"], server.mount)
            found[SCAN] = lambda: clients.scan(able)
            found["kvtui, SCAN"] = lambda: kvtui(port, server.tokens["scan"], server.mount, opened)
        return found

    requests = {}
    for name, walk in walks(proxy.port, lambda: proxy.reset(0.0)).items():
        proxy.reset(0.0)
        if (found := walk().secrets) != server.secrets:
            raise RuntimeError(f"{name} found {found} secrets of {server.secrets}")
        requests[name] = proxy.passed().requests
    proxy.reset(latency)
    taken: dict[str, list[Walked]] = {name: [] for name in requests}
    limits: dict[int, list[float]] = {count: [] for count in CONNECTIONS}
    generator = Generator(Target(port, server.tokens["list"], server.mount), names)
    try:
        for _ in range(repeats):
            for name, walk in walks(port).items():
                taken[name].append(walk())
            for count, rates in limits.items():
                rates.append(generator.per_second(count, min(2.0, 0.004 * len(names))))
    finally:
        generator.close()
    return _rows(taken, requests, {count: statistics.median(rates) for count, rates in limits.items()}, len(names))


def kvtui(port: int, token: str, mount: str, opened: Callable[[], None]) -> Walked:
    """The walk as the product does it. `opened` is called when it has signed in, before time and requests count."""
    with VaultFactory({"BENCHMARK_TOKEN": token}).open(_settings(port)) as backend:
        opened()
        start, first, found = time.perf_counter(), 0.0, 0
        for _ in backend.walk(mount):
            first = first or time.perf_counter() - start
            found += 1
        return Walked(time.perf_counter() - start, first, found)


def _settings(port: int) -> dict[str, Any]:
    return {"url": f"http://127.0.0.1:{port}", "auth": {"method": "token", "token_env": "BENCHMARK_TOKEN"}}


def _rows(
    taken: Mapping[str, list[Walked]], requests: Mapping[str, int], limits: Mapping[int, float], listed: int
) -> dict[str, dict[str, float]]:
    """`share_of_limit`: the seconds the load generator needs for the LISTs of a walk, of those the walk took; with as
    many connections as kvtui, and at the most. Of a SCAN the limit is a bare one."""
    seconds = {name: statistics.median(walk.seconds for walk in walks) for name, walks in taken.items()}
    rows = {
        name: {
            "requests": requests[name],
            "seconds": round(seconds[name], 4),
            "first_entry_ms": round(statistics.median(walk.first_seconds for walk in taken[name]) * 1000, 1),
            "requests_per_s": round(requests[name] / seconds[name]),
            "times_serial": round(seconds[SERIAL] / seconds[name], 2),
            "share_of_limit_same_connections": round(listed / limits[WIDTH] / seconds[name], 2),
            "share_of_limit": round(listed / max(limits.values()) / seconds[name], 2),
        }
        for name in taken
    }
    for name in rows:
        if "SCAN" in name:
            share = round(seconds[SCAN] / seconds[name], 2)
            rows[name] |= {"share_of_limit": share, "share_of_limit_same_connections": share}
    for count, rate in limits.items():
        rows[f"load generator, {count} connections"] = {
            "requests": listed,
            "seconds": round(listed / rate, 4),
            "requests_per_s": round(rate),
            "times_serial": round(seconds[SERIAL] * rate / listed, 2),
        }
    return rows


# The screen


def _screen(server: Server, proxy: Proxy, token: str, keys: int) -> dict[str, dict[str, float]]:
    """Milliseconds from a key, or from when it was due, to the first byte of its answer."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            "HOME": folder,
            "PATH": os.environ["PATH"],
            "TERM": "xterm-256color",
            "COLORTERM": "truecolor",
            "LANG": "C.UTF-8",
            "BENCHMARK_TOKEN": token,
        }
        config = Path(folder) / "config.yaml"
        profile = {"backend": "vault", "root": server.mount, **_settings(proxy.port)}
        config.write_text(json.dumps({"default": "benchmark", "profiles": {"benchmark": profile}}))
        terminal = Terminal([sys.executable, "-m", "kvtui", "--config", str(config)], environment)
        try:
            terminal.wait_for(b"team00")
            terminal.drain()
            terminal.key_until(b"l", b"secret00")
            up_and_down = cycle(
                [b"j"] * 15 + [b"k"] * 15
            )  # goes on from walk to walk: at its end a tree does not answer
            letters = [bytes([letter]) for letter in b"secret"] + [b"\x7f"] * 6

            def typing() -> Iterator[bytes]:
                return cycle(letters)

            return {
                "no walk, j held": _at_rest(terminal, up_and_down, keys),
                "ctrl+f, typing": _while_walking(terminal, proxy, b"\x06", typing, keys),
                "/, typing": _while_walking(terminal, proxy, b"/", typing, keys),
                "/ enter, j held": _while_walking(terminal, proxy, b"/\r", lambda: up_and_down, keys),
            }
        finally:
            terminal.close()


def _at_rest(terminal: Terminal, pattern: Iterator[bytes], keys: int) -> dict[str, float]:
    terminal.drain()
    return _told(_held(terminal, pattern, lambda times: len(times) >= keys), walks=0)


def _while_walking(
    terminal: Terminal, proxy: Proxy, opening: bytes, pattern: Callable[[], Iterator[bytes]], keys: int
) -> dict[str, float]:
    """As many walks as it takes for so many keys, after a first one that loads what it needs; `opening` starts one. The
    first keys after it find a dialog that is still being made, as they do for a person."""
    times: list[float] = []
    walks = -1
    while len(times) < keys:
        listed = proxy.passed().listings
        terminal.key(opening)

        def is_over(pressed: list[float], before: int = listed) -> bool:
            passed = proxy.passed()
            if passed.listings == before and len(pressed) > 5 * KEYS_PER_SECOND:
                raise RuntimeError(f"{opening!r} lists nothing")
            return passed.listings > before and passed.quiet_seconds > QUIET_SECONDS

        held = _held(terminal, pattern(), is_over)
        walks += 1
        times += held if walks else []
        for _ in range(2):  # the first may only end what still comes
            terminal.press(b"\x1b")
            terminal.drain()
    return _told(times, walks)


def _held(terminal: Terminal, pattern: Iterator[bytes], is_over: Callable[[list[float]], bool]) -> list[float]:
    """A key that comes late because the one before was not answered yet counts from when it was due; one that is late
    because the proxy was asked how far the walk is does not."""
    times: list[float] = []
    start = answered = time.perf_counter()
    while not is_over(times):
        due = start + (len(times) + 1) / KEYS_PER_SECOND
        terminal.drain_until(due)
        late = max(0.0, answered - due) * 1000
        times.append(late + terminal.answer_ms(next(pattern)))
        answered = time.perf_counter()
    return times


def _told(times: list[float], walks: int) -> dict[str, float]:
    ordered = sorted(times)
    return {
        "keys": len(times),
        "walks": walks,
        "p50_ms": round(statistics.median(times), 1),
        "p99_ms": round(ordered[int(len(ordered) * 0.99)], 1),
        "max_ms": round(ordered[-1], 1),
    }


# As text


def table(results: Mapping[str, Any]) -> str:
    """Tables in Markdown, as docs/benchmarks.md has them."""
    parts = []
    if "load_after" in results:
        parts = [f"Load of the machine: {results['load_before']} before, {results['load_after']} after.\n"]
    for name, found in results.items():
        if isinstance(found, dict):
            parts += [f"{name}\n", _listing_table(found), "", _screen_table(found), ""]
    return "\n".join(parts)


def _listing_table(found: Mapping[str, Any]) -> str:
    lines = [
        f"| latency | walk | requests | seconds | requests/s | first entry, ms | × serial | of the limit | ({WIDTH}) |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for group, rows in found.items():
        if group.startswith("listing"):
            for name, row in rows.items():
                keys = ("requests", "seconds", "requests_per_s", "first_entry_ms", "times_serial")
                shares = ("share_of_limit", "share_of_limit_same_connections")
                cells = [f"{row[key]:,}" if key in row else "" for key in (*keys, *shares)]
                lines.append(f"| {group.partition(', ')[2]} | {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _screen_table(found: Mapping[str, Any]) -> str:
    lines = ["| latency | listed by | keys | p50 / p99 / longest, ms | walks, keys |", "|---|---|---|---|---|"]
    for group, kinds in found.items():
        if group.startswith("screen"):
            for kind, rows in kinds.items():
                for name, row in rows.items():
                    told = f"{row['p50_ms']} / {row['p99_ms']} / {row['max_ms']}"
                    missed = " (missed)" if row["p99_ms"] > GOAL_MS else ""
                    lines.append(
                        f"| {group.partition(', ')[2]} | {kind.upper()} | {name} | {told}{missed} "
                        f"| {row['walks']}, {row['keys']} |"
                    )
    return "\n".join(lines)
