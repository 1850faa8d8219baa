"""Short-lived credentials and sharing once. Nothing is issued or used up but by a button that says so. Loaded when it
is first asked for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from textual.content import Content

from kvtui.domain import codec
from kvtui.domain.capability import Capability
from kvtui.domain.errors import InvalidInput
from kvtui.domain.secret import VersionState
from kvtui.domain.value import Fields, SecretValue
from kvtui.services.journal import Act
from kvtui.ui.dialogs.confirm import ConfirmDialog
from kvtui.ui.show import say

if TYPE_CHECKING:
    from kvtui.domain.lease import Lease
    from kvtui.domain.wrapping import Wrapped
    from kvtui.services.leases import Leases
    from kvtui.ui.dialogs.leases import Asked, Wanted
    from kvtui.ui.dialogs.sharing import Share
    from kvtui.ui.screens.main import MainScreen


@dataclass(frozen=True, slots=True)
class Lending:
    """Leases, sharing, unwrapping, asked for and shown over the screen."""

    screen: MainScreen

    @property
    def _leases(self) -> Leases:
        from kvtui.services.leases import Leases  # noqa: PLC0415 - few stores lend anything

        return Leases(self.screen.session, now=self.screen.kvtui.now)

    # -- leases

    async def show_leases(self) -> None:
        from kvtui.ui.dialogs.leases import LeasesDialog  # noqa: PLC0415 - dialogs load when first asked for

        leases = await self.screen.call(self._leases.all)
        refused = "This store is only read, so nothing is issued." if self.screen.session.info().read_only else ""
        fixed = self.screen.session.why_not(Capability.RENEW_LEASES)
        self.screen.app.push_screen(LeasesDialog(leases, self.screen.kvtui.now, refused, fixed), self._lease_wanted)

    def _lease_wanted(self, wanted: Wanted | None) -> None:
        if wanted is None:
            return
        if wanted.lease is None:
            self.screen.work(self._choose_role, "form", "read the roles")
        elif wanted.verb == "renew":
            self.screen.work(partial(self._renew, wanted.lease), "write", "renew", exclusive=False)
        else:
            self._ask_to_revoke(wanted.lease)

    async def _choose_role(self) -> None:
        from kvtui.ui.dialogs.leases import IssueDialog  # noqa: PLC0415

        roles = await self.screen.call(self.screen.session.backend.roles)

        def decided(asked: Asked | None) -> None:
            if asked is not None:
                self.screen.work(partial(self._issue, asked), "write", "issue", exclusive=False)

        self.screen.app.push_screen(IssueDialog(roles), decided)

    async def _issue(self, asked: Asked) -> None:
        issued, note = await self.screen.call(self._leases.issue, asked.role, asked.ttl)
        end = issued.lease.expires_at
        facts = say(
            "[b]$role[/b], until $end. Lease $id. Shown this once.",
            role=issued.lease.role,
            end=f"{end:%Y-%m-%d %H:%M:%S}Z" if end else "it is revoked",
            id=issued.lease.id,
        )
        renews = self.screen.session.can(Capability.RENEW_LEASES)
        after = "I lists, renews and revokes it." if renews else "I lists it."
        self._show_once("Issued", facts, issued.lease.role, issued.fields)
        self.screen.say(note or f"Issued {issued.lease.role}. {after}", failed=bool(note))

    async def _renew(self, lease: Lease) -> None:
        renewed = await self.screen.call(self._leases.renew, lease.id)
        end = f"{renewed.expires_at:%Y-%m-%d %H:%M:%S}Z" if renewed.expires_at else "it is revoked"
        self.screen.say(f"Renewed {renewed.role} until {end}.")
        await self.show_leases()

    def _ask_to_revoke(self, lease: Lease) -> None:
        def decided(yes: bool | None) -> None:
            if yes:
                self.screen.work(partial(self._revoke, lease), "write", "revoke", exclusive=False)

        question = say(
            "End the lease [b]$id[/b] now? What uses its credentials stops working.",
            id=lease.id,
        )
        self.screen.app.push_screen(ConfirmDialog("Revoke", question, "Revoke", danger=True), decided)

    async def _revoke(self, lease: Lease) -> None:
        await self.screen.call(self._leases.revoke, lease.id)
        self.screen.say(f"Revoked {lease.role}.")
        await self.show_leases()

    # -- share and unwrap

    async def choose_share(self) -> None:
        from kvtui.ui.dialogs.sharing import ShareDialog  # noqa: PLC0415

        shown = await self.screen.selected()
        if shown.version.state is not VersionState.LIVE or shown.version.number != shown.current:
            raise InvalidInput(
                "Only the newest version is shared, and it is not shown.", hint="Go back to it with esc."
            )
        path = shown.path

        def decided(share: Share | None) -> None:
            if share is not None:
                self.screen.work(partial(self._share, path, share), "write", "share", exclusive=False)

        self.screen.app.push_screen(ShareDialog(path, list(shown.fields), self.screen.field_of(shown)), decided)

    async def _share(self, path: str, share: Share) -> None:
        from kvtui.services import once  # noqa: PLC0415

        wrapped, note = await self.screen.call(once.share, self.screen.session, path, share.field, share.ttl)
        facts = say(
            "Whoever has this token can read $what of [b]$path[/b] once, until $end. It is shown this once.",
            what=f"the field {share.field}" if share.field is not None else "all fields",
            path=path,
            end=f"{wrapped.expires_at:%Y-%m-%d %H:%M:%S}Z",
        )
        self._show_once("Shared once", facts, "", {"token": wrapped.token})
        self.screen.say(note or f"Shared {path} once.", failed=bool(note))
        await self.screen.fill_activity()

    def ask_for_token(self) -> None:
        from kvtui.ui.dialogs.sharing import UnwrapDialog  # noqa: PLC0415

        def given(token: SecretValue | None) -> None:
            if token is not None:
                self.screen.work(partial(self._look_into, token), "form", "look into a token")

        self.screen.app.push_screen(UnwrapDialog(), given)

    async def _look_into(self, token: SecretValue) -> None:
        seen = await self.screen.call(self.screen.session.backend.look_into, token)
        question = say(
            "It was made at [b]$path[/b], $created, and lasts until $end. Reading it uses it up. "
            "If it should have come from elsewhere, do not read it: somebody may have put it in the way.",
            path=seen.creation_path,
            created=f"{seen.created_at:%Y-%m-%d %H:%M:%S}Z",
            end=f"{seen.expires_at:%Y-%m-%d %H:%M:%S}Z",
        )

        def decided(yes: bool | None) -> None:
            if yes:
                self.screen.work(partial(self._unwrap, seen), "write", "unwrap", exclusive=False)

        self.screen.app.push_screen(ConfirmDialog("Unwrap", question, "Unwrap"), decided)

    async def _unwrap(self, seen: Wrapped) -> None:
        from kvtui.services import once  # noqa: PLC0415

        fields, note = await self.screen.call(once.unwrap, self.screen.session, seen)
        facts = say("From [b]$path[/b]. The token is used up; this is shown this once.", path=seen.creation_path)
        self._show_once("Unwrapped", facts, seen.creation_path, fields)
        if note:
            self.screen.say(note, failed=True)

    # -- what is shown once

    def _show_once(self, title: str, facts: Content, path: str, fields: Fields) -> None:
        """Values that are kept nowhere. With a path, showing and copying them is journaled under it."""
        from kvtui.ui.dialogs.sharing import OnceDialog  # noqa: PLC0415

        names = list(fields)
        record = self.screen.session.journal.record

        def disclose() -> None:
            for name in names:
                record(Act.REVEAL, path, field=name)

        async def copy(field: str, value: SecretValue) -> str:
            if path:
                await self.screen.call(partial(record, Act.COPY, path, field=field))
            return (await self.screen.call(self.screen.kvtui.copy, codec.to_bytes(value))).message

        dialog = OnceDialog(
            title,
            facts,
            fields,
            copy,
            reveal_seconds=self.screen.ui.reveal_seconds,
            disclose=disclose if path else None,
        )
        self.screen.app.push_screen(dialog)
