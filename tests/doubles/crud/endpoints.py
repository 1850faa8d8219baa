"""The endpoints: scopes, parameters, and answers in one of the shapes the documents allow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.doubles.crud import catalog
from tests.doubles.crud.access import Caller
from tests.doubles.crud.call import Call, versions_of
from tests.doubles.crud.service import Service
from tests.doubles.crud.uri import Uri, bad
from tests.doubles.crud.wire import Failed, Json, json_reply, unsupported
from tests.doubles.server import Reply

BASE = "/api/secrets"


@dataclass
class Endpoints:
    """`routes` maps method and path to what answers; all of them raise Failed and Invalid."""

    service: Service

    @property
    def routes(self) -> dict[tuple[str, str], Callable[[Call], Reply]]:
        return {
            ("POST", BASE): self.create,
            ("GET", BASE): self.read_yaml,
            ("GET", f"{BASE}/value"): self.read,
            ("DELETE", BASE): self.delete,
            ("POST", f"{BASE}/rotate"): self.rotate,
            ("GET", f"{BASE}/metadata"): self.metadata,
            ("GET", f"{BASE}/keys"): self.keys,
            ("GET", f"{BASE}/metadata/detail"): self.detail,
            ("GET", f"{BASE}/versions"): self.versions,
            ("POST", f"{BASE}/undelete"): self.undelete,
            ("POST", f"{BASE}/destroy-versions"): self.destroy_versions,
            ("POST", f"{BASE}/metadata/owner"): self.owner,
            ("POST", f"{BASE}/bulk"): self.bulk,
            ("POST", f"{BASE}/copy"): self.copy,
            ("POST", f"{BASE}/move"): self.move,
            ("GET", f"{BASE}/search"): self.search,
            ("GET", f"{BASE}/audit"): self.audit,
        }

    # Values.

    def create(self, call: Call) -> Reply:
        call.caller.need("secrets.write")
        uri, value = self.service.parse(call.text("uri")), call.value()
        _, version = self.service.write(call.caller, uri, value)
        return self._written({"status": "ok", "uri": str(uri), "version": version})

    def rotate(self, call: Call) -> Reply:
        call.caller.need("secrets.rotate")
        uri, value = self.service.parse(call.text("uri")), call.value()
        before, after = self.service.write(call.caller, uri, value, "rotate")
        versions = {} if after is None else {"old_version": before, "new_version": after}
        return self._written({"status": "rotated", **versions})

    def read_yaml(self, call: Call) -> Reply:
        call.caller.need("secrets.read")
        uri = self.service.parse(call.asked("uri"))
        if not self.service.is_yaml(uri):
            raise unsupported(f"read not supported for provider {uri.provider}")
        value = self.service.read(call.caller, uri)
        return json_reply({"value": value} if uri.fragment else value)

    def read(self, call: Call) -> Reply:
        call.caller.need("secrets.read")
        uri, version = self.service.parse(call.asked("uri")), call.version()
        value = self.service.read(call.caller, uri, version)
        shape = self.service.shape.value
        if uri.fragment and shape != "bare":
            value = {uri.fragment if shape == "fragment" else "value": value}
        return json_reply(value)

    def delete(self, call: Call) -> Reply:
        destroy = call.flag("destroy")
        call.caller.need("secrets.destroy" if destroy else "secrets.delete")
        uri = self.service.parse(call.asked("uri"))
        self.service.delete(call.caller, uri, destroy=destroy)
        return self._written({"status": "destroyed" if destroy else "deleted", "uri": str(uri)})

    # Versions and metadata.

    def undelete(self, call: Call) -> Reply:
        call.caller.need("secrets.delete")
        return self._change_versions(call, "undelete", "undeleted")

    def destroy_versions(self, call: Call) -> Reply:
        call.caller.need("secrets.destroy")
        return self._change_versions(call, "destroy_versions", "destroyed")

    def _change_versions(self, call: Call, purpose: str, status: str) -> Reply:
        uri, numbers = self.service.pathless(call.text("uri")), call.versions()
        self.service.change_versions(call.caller, uri, numbers, purpose)
        return self._written({"status": status, "uri": str(uri), "versions": numbers})

    def owner(self, call: Call) -> Reply:
        call.caller.need("secrets.set_owner")
        uri, owner = self.service.pathless(call.text("uri")), call.text("owner")
        self.service.set_owner(call.caller, uri, owner)
        return self._written({"status": "ok", "uri": str(uri), "owner": owner})

    def detail(self, call: Call) -> Reply:
        uri, shown = self._shown(call)
        return json_reply(shown if self.service.shape.lists == "bare" else {"uri": str(uri), "metadata": shown})

    def versions(self, call: Call) -> Reply:
        uri, shown = self._shown(call)
        versions: dict[str, Json] = shown["versions"]
        if self.service.shape.lists == "wrapped":
            return json_reply({"uri": str(uri), "versions": versions})
        return json_reply([{"version": int(number), **about} for number, about in versions.items()])

    def _shown(self, call: Call) -> tuple[Uri, dict[str, Json]]:
        call.caller.need("secrets.read_metadata")
        uri = self.service.parse(call.asked("uri"))
        cluster, keep = self.service.kv2(uri, "metadata"), self.service.settings.max_versions
        return uri, self.service.look(call.caller, uri, lambda: cluster.find(uri.location).shown(keep))

    # Lists.

    def metadata(self, call: Call) -> Reply:
        call.caller.need("secrets.read_metadata")
        found = catalog.listed(self.service, call.caller, self._place(call, "prefix"))
        return self._page(call, "items", found)

    def keys(self, call: Call) -> Reply:
        call.caller.need("secrets.read_metadata")
        uri = self._place(call, "uri")
        names = catalog.names(self.service, call.caller, uri)
        return json_reply(names if self.service.shape.lists == "bare" else {"uri": str(uri), "keys": names})

    def _place(self, call: Call, name: str) -> Uri:
        """The YAML path of a listing; older documents give it as `mount` and `prefix`."""
        if "mount" in call.query and "://" not in call.query.get(name, ""):
            return self.service.parse(f"yaml://{call.asked('mount')}/{call.query.get('prefix', '')}".rstrip("/"))
        return self.service.parse(call.asked(name))

    def search(self, call: Call) -> Reply:
        call.caller.need("secrets.read_metadata")
        query, prefix = call.asked("q"), call.query.get("prefix")
        place = self.service.parse(prefix) if prefix else None
        return self._page(call, "results", catalog.found(self.service, call.caller, query, place))

    def audit(self, call: Call) -> Reply:
        """Newest first; a filter is a member of the record and its value. The document names no scope for it."""
        records = list(reversed(self.service.audit.records))
        for name in ("subject", "purpose", "effect", "resource_ref", "decision_id", "event"):
            if name in call.query:
                records = [one for one in records if _text(one[name]) == call.query[name]]
        return self._page(call, "events", records, plain=False)

    def _page(self, call: Call, name: str, found: list[Json], *, plain: bool = True) -> Reply:
        """`plain` lists are of URIs when they are bare."""
        settings = self.service.settings
        offset, limit = call.number("offset", 0, 0, 2**31), call.number("limit", settings.page, 1, settings.max_page)
        page = found[offset : offset + limit]
        if self.service.shape.lists == "bare":
            return json_reply([item["uri"] for item in page] if plain else page)
        return json_reply({name: page, "total": len(found), "offset": offset, "limit": limit})

    # Many at once.

    def copy(self, call: Call) -> Reply:
        return self._carry(call, self.service.copy, "copied")

    def move(self, call: Call) -> Reply:
        return self._carry(call, self.service.move, "moved")

    def _carry(self, call: Call, carry: Callable[..., int | None], status: str) -> Reply:
        call.caller.need("secrets.read", "secrets.write")
        source, target = call.text("fromUri"), call.text("toUri")
        overwrite = call.boolean("overwrite")
        version = carry(call.caller, self.service.parse(source), self.service.parse(target), overwrite=overwrite)
        return self._written({"status": status, "fromUri": source, "toUri": target, "version": version})

    def bulk(self, call: Call) -> Reply:
        """200 whatever becomes of the operations; those after the first failure are not in the answer."""
        operations, goes_on = call.operations(), call.boolean("continueOnError")
        results: list[dict[str, Json]] = []
        for index, operation in enumerate(operations):
            result = {"index": index, "op": operation["op"], "uri": operation["uri"]}
            try:
                version = self._operate(call.caller, operation)
                results.append({**result, "status": "ok", **({} if version is None else {"version": version})})
            except Failed as error:
                told = {"status": error.status, "code": error.code, "message": error.message}
                results.append({**result, "status": "error", "error": told})
                if not goes_on:
                    break
        if self.service.shape.lists == "bare":
            return json_reply(results)
        failed = sum(one["status"] == "error" for one in results)
        return json_reply({"results": results, "succeeded": len(results) - failed, "failed": failed})

    def _operate(self, caller: Caller, operation: dict[str, Json]) -> int | None:
        kind, text = operation["op"], operation["uri"]
        scopes = {"set": "write", "undelete": "delete"}
        caller.need(f"secrets.{scopes.get(kind, kind)}")
        if kind in {"set", "rotate"}:
            if "value" not in operation:
                raise bad("INVALID_VALUE", "value is required")
            purpose = "rotate" if kind == "rotate" else "write"
            return self.service.write(caller, self.service.parse(text), operation["value"], purpose)[1]
        if kind == "undelete" or "versions" in operation:
            numbers = versions_of(operation, ()) if "versions" in operation else []
            purpose = "undelete" if kind == "undelete" else "destroy_versions"
            self.service.change_versions(caller, self.service.pathless(text), numbers, purpose)
        else:
            self.service.delete(caller, self.service.parse(text), destroy=kind == "destroy")
        return None

    def _written(self, body: dict[str, Json]) -> Reply:
        return Reply(204) if self.service.shape.writes == "empty" else json_reply(body)


def _text(value: Json) -> str:
    return str(value["sub"]) if isinstance(value, dict) else str(value)
