"""Looking at values: reveal, copy, copy as, compare."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from textual import on

from kvtui.domain.capability import Capability
from kvtui.domain.errors import InvalidInput
from kvtui.domain.secret import EntryKind, Outline, Secret, VersionState
from kvtui.services.journal import Act
from kvtui.ui.screens.browsing import Browsing
from kvtui.ui.widgets.panes import FieldsPane, VersionsPane

if TYPE_CHECKING:
    from kvtui.services.copy_as import Form


class Reading(Browsing):
    """Every value shown or copied is journaled first, and refused where it cannot be."""

    async def live_secret(self) -> Secret:
        """The selected secret at the version shown, with its values. Raises InvalidInput where there is none."""
        shown = await self.selected()
        if shown.version.state is not VersionState.LIVE:
            raise InvalidInput(
                f"Version {shown.version.number} is {shown.version.state.value}.",
                hint="Choose another version with v, or undelete it with U.",
            )
        version = None if shown.version.number == shown.current else shown.version.number
        secret = await self.call(self.session.backend.read, shown.path, version)
        if secret.version.number != shown.version.number and self.secret is shown:
            self.show_secret(secret.outline())
            raise InvalidInput("Somebody wrote a new version meanwhile; it is shown now.", hint="Look, then repeat.")
        return secret

    def field_of(self, secret: Secret | Outline) -> str:
        """The field under the cursor. Raises InvalidInput where there is none."""
        if not secret.fields:
            raise InvalidInput("This secret has no fields.", hint="Add one with e.")
        name = self.fields.field
        return name if name is not None and name in secret.fields else next(iter(secret.fields))

    # -- reveal

    def action_secret_reveal(self) -> None:
        self.work(partial(self._reveal, all_fields=False), "reveal", "reveal")

    def action_secret_reveal_all(self) -> None:
        self.work(partial(self._reveal, all_fields=True), "reveal", "reveal")

    @on(FieldsPane.Chosen, "#pane-fields")
    def _field_chosen(self) -> None:
        self.action_secret_reveal()

    async def _reveal(self, *, all_fields: bool) -> None:
        shown = await self.selected()
        names = list(shown.fields) if all_fields else [self.field_of(shown)] if shown.fields else []
        if names and set(names) <= set(self.fields.revealed):
            self.mask()
            return
        secret = await self.live_secret()
        field = self.field_of(secret)
        names = list(secret.fields) if all_fields else [field]
        self.show_tab("fields")
        values = {name: await self.call(self.session.disclose, Act.REVEAL, secret, name) for name in names}
        if self.secret is not shown or self.app.screen is not self:
            return
        self.fields.reveal(values, self.session.backend.caveats(secret))
        self.start_reveal_timer()

    # -- copy

    def action_secret_copy(self) -> None:
        self.work(self._copy, "copy", "copy")

    async def _copy(self) -> None:
        secret = await self.live_secret()
        field = self.field_of(secret)
        value = await self.call(self.session.disclose, Act.COPY, secret, field)
        from kvtui.domain import codec  # noqa: PLC0415 - the first value that is copied loads it

        await self.to_clipboard(codec.to_bytes(value), f"{field} of {secret.path}")
        await self.fill_activity()

    async def to_clipboard(self, data: bytes, what: str) -> None:
        """Copy, and say what became of it; a value is cleared after a while."""
        result = await self.call(self.kvtui.copy, data)
        self.say(f"{what}: {result.message}")

    def action_secret_copy_as(self) -> None:
        self.work(self._copy_as, "form", "copy as")

    async def _copy_as(self) -> None:
        path, kind = self.at_cursor
        if path is not None and kind is EntryKind.FOLDER:
            await self.to_clipboard(path.encode("utf-8", "surrogatepass"), "Path")
            return
        from kvtui.services.copy_as import forms  # noqa: PLC0415 - loads yaml's writer
        from kvtui.ui.dialogs.pick import PickDialog  # noqa: PLC0415

        shown = await self.selected()
        backend, unreadable = self.session.backend, self.session.why_not(Capability.READ)
        live = shown.version.state is VersionState.LIVE and not unreadable
        secret = (
            await self.live_secret() if live else Secret(shown.path, shown.version, {}, shown.metadata, shown.current)
        )
        field = self.field_of(secret) if secret.fields else None
        references = backend.references(secret.path, field)
        offered = {
            str(at): form for at, form in enumerate(forms(secret, field, references=references, unreadable=unreadable))
        }
        rows = [(key, form.title + (f" ({form.reason})" if form.reason else "")) for key, form in offered.items()]

        def chosen(key: str | None) -> None:
            if key is not None:
                self.work(partial(self._copy_form, secret, offered[key]), "copy", "copy")

        self.app.push_screen(PickDialog("Copy as…", rows), chosen)

    async def _copy_form(self, secret: Secret, form: Form) -> None:
        from kvtui.services.copy_as import render  # noqa: PLC0415

        data = render(form, secret, profile=self.session.profile.name)
        for field in form.fields:
            await self.call(self.session.disclose, Act.COPY, secret, field)
        await self.to_clipboard(data, f"{form.title} of {secret.path}")

    # -- versions

    @on(VersionsPane.Chosen, "#pane-versions")
    def _version_chosen(self) -> None:
        """Show that version's fields."""
        number = self.version_list.version
        if self.secret is not None and number is not None:
            self.work(partial(self._open_version, self.secret.path, number), "detail", "read a version")

    async def _open_version(self, path: str, number: int) -> None:
        await self.read_secret(path, number)
        self.show_tab("fields")

    # -- compare

    def action_secret_diff(self) -> None:
        """Two marked secrets; else two marked versions, or a marked one and the one under the cursor; else this one and
        the newest, or the newest and the one before it."""
        self.work(self._diff, "form", "compare")

    async def _diff(self) -> None:
        read = self.session.backend.read
        marked = [path for path, kind in self.path_tree.marked if kind is EntryKind.SECRET]
        if len(marked) == 2:
            old, new = [await self.call(read, path) for path in sorted(marked)]
            self._show_diff(old, new, f"{old.path} → {new.path}")
            return
        secret = await self.selected()
        path = secret.path
        here = (self.version_list.version if self.tab == "versions" else None) or secret.version.number
        numbers = sorted(self.marked_versions)
        if len(numbers) > 2:
            raise InvalidInput(f"{len(numbers)} versions are marked.", hint="Mark the two to compare.")
        if len(numbers) == 1:
            numbers = sorted({here, *numbers})
        if len(numbers) != 2:
            numbers = [here - 1, here] if here == secret.current else [here, secret.current]
        if numbers[0] < 1:
            raise InvalidInput("There is only one version.", hint="Mark two secrets with space to compare them.")
        old, new = [await self.call(read, path, number) for number in numbers]
        self._show_diff(old, new, f"{path}: version {numbers[0]} → {numbers[1]}")

    def _show_diff(self, old: Secret, new: Secret, title: str) -> None:
        from kvtui.ui.dialogs.diff import DiffDialog  # noqa: PLC0415

        for secret in (old, new):
            if secret.version.state is not VersionState.LIVE:
                raise InvalidInput(
                    f"Version {secret.version.number} is {secret.version.state.value}.",
                    hint="Only live versions can be compared.",
                    path=secret.path,
                )
        from kvtui.services.diff import compare_fields, compare_metadata  # noqa: PLC0415

        fields = compare_fields(old.fields, new.fields)
        metadata = compare_metadata(old.metadata, new.metadata) if old.path != new.path else []
        dialog = DiffDialog(title, fields, metadata, self.disclosing(old, new), reveal_seconds=self.ui.reveal_seconds)
        self.app.push_screen(dialog)

    def disclosing(self, *secrets: Secret | None) -> Callable[[], None]:
        """What a form calls, on a thread, before it shows the values of these secrets: each is journaled."""

        def disclose() -> None:
            for secret in filter(None, secrets):
                for field in secret.fields:
                    self.session.disclose(Act.REVEAL, secret, field)

        return disclose
