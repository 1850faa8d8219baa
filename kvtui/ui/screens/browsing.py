"""Getting about: rows, panes, filter, marks, going to a path, finding, bookmarks, profiles."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from textual import on
from textual.widgets import Input

from kvtui.domain.errors import InvalidInput, KvtuiError, NotFound, Undisclosed
from kvtui.ui.screens.watching import Watching
from kvtui.ui.screens.workbench import TABS
from kvtui.ui.widgets.path_tree import PathTree
from kvtui.ui.widgets.row_list import QueryInput, RowList

if TYPE_CHECKING:
    from kvtui.domain.secret import EntryKind
    from kvtui.services.bookmarks import Bookmarks
    from kvtui.services.completing import Completions


MOST_FILTERED = 100_000
"""Secrets a filter looks at; more than that are found with ctrl+f."""
MOST_UNFOLDED = 100
"""Folders that one key unfolds: each is a request."""
AT_ONCE = 500
"""Names of a walk that are shown in one frame: a few milliseconds of it."""


class Browsing(Watching):
    """The keys that change nothing but the view."""

    _filter_input: Input | None = None
    """Hidden where nothing is filtered. By itself, as a class would make every widget of the screen look for its style
    anew before the first letter is taken."""
    _is_filter_due = False
    _before_filter: tuple[str, EntryKind] | None = None
    """Where the cursor was, for a filter that nothing matches."""

    @property
    def _list(self) -> PathTree | RowList:
        """What the movement keys move."""
        return self.focused if isinstance(self.focused, (PathTree, RowList)) else self.path_tree

    def action_nav_down(self) -> None:
        self._list.move(1)

    def action_nav_up(self) -> None:
        self._list.move(-1)

    def action_nav_top(self) -> None:
        self._list.move_to_top()

    def action_nav_bottom(self) -> None:
        self._list.move_to_bottom()

    def action_nav_half_down(self) -> None:
        self._list.move_half_page(1)

    def action_nav_half_up(self) -> None:
        self._list.move_half_page(-1)

    def action_nav_page_down(self) -> None:
        self._list.move_page(1)

    def action_nav_page_up(self) -> None:
        self._list.move_page(-1)

    def action_nav_left(self) -> None:
        """Fold in the tree; in the detail, the tab to the left, and from the first one back to the tree."""
        if isinstance(self._list, PathTree):
            self.path_tree.fold()
        elif self.tab == TABS[0]:
            self.path_tree.focus()
        else:
            self.show_tab(TABS[TABS.index(self.tab) - 1])

    def action_nav_right(self) -> None:
        """Unfold in the tree, from a secret into the detail; there the tab to the right."""
        if isinstance(self._list, PathTree):
            self.path_tree.unfold()
        elif self.tab != TABS[-1]:
            self.show_tab(TABS[TABS.index(self.tab) + 1])

    def action_nav_open(self) -> None:
        self._list.activate()

    def action_nav_back(self) -> None:
        """Leave the innermost thing that can be left."""
        if self.cancel_work():
            self.say("Cancelled.")
        elif self.fields.revealed:
            self.mask()
        elif self._filter_input is not None and self._filter_input.display:
            self._end_filter(self._filter_input)
        elif self.secret is not None and self.secret.version.number != self.secret.current:
            self.work(partial(self.read_secret, self.secret.path), "detail", "read a secret")
        elif not isinstance(self._list, PathTree):
            self.path_tree.focus()
        elif self.path_tree.marked:
            self.path_tree.clear_marks()
        else:
            self.say("")

    def action_pane_next(self) -> None:
        (self.pane if isinstance(self._list, PathTree) else self.path_tree).focus()

    action_pane_previous = action_pane_next

    def action_pane_fields(self) -> None:
        self._to_tab("fields")

    def action_pane_metadata(self) -> None:
        self._to_tab("metadata")

    def action_pane_versions(self) -> None:
        if self.tab == "versions":  # where they are looked for only when somebody asks, this asks
            self.work(partial(self.fill_tab, opened=True), "detail", "fill a tab")
        self._to_tab("versions")

    def action_pane_activity(self) -> None:
        self._to_tab("activity")

    action_secret_versions = action_pane_versions

    def _to_tab(self, name: str) -> None:
        self.show_tab(name)
        self.pane.focus()

    # In a narrow window the tree and the detail take turns: the one with the focus is shown.

    def on_descendant_focus(self) -> None:
        self.set_class(isinstance(self.focused, RowList), "-detail")

    # -- filter

    def on_mount(self) -> None:
        self.call_after_refresh(self._add_filter)  # the first frame waits for nothing that is not seen

    def _add_filter(self) -> None:
        if self._filter_input is None and self.is_attached:
            self._filter_input = QueryInput(id="filter", placeholder="filter")
            self.query_one("#tree-side").mount(self._filter_input, before=0)

    def action_tree_filter(self) -> None:
        self._add_filter()
        if self._filter_input is not None:
            self._before_filter = self.path_tree.cursor or self._before_filter
            self._filter_input.display = True
            self.set_focus(self._filter_input)
            self.work(self._load_all, "long", "read all names")

    async def _load_all(self) -> None:
        """A filter is about the whole tree, so all of it is listed, as far as a screen can use it. What comes is shown
        at once; a folder that is there already is kept until all of it has come."""
        from kvtui.services.listing import GrowingTree, tree_entries  # noqa: PLC0415 - the first such look loads it
        from kvtui.services.survey import Survey  # noqa: PLC0415
        from kvtui.ui.coming import batches  # noqa: PLC0415

        tree = self.path_tree
        growing = GrowingTree(MOST_FILTERED, known=tree.loaded_folders())
        try:
            with Survey(self.session.backend, tree_entries) as survey:
                async for entries in batches(survey, AT_ONCE):
                    tree.show_growth(growing.add(entries))
                    if growing.is_full:
                        break
        except BaseException:
            tree.show_growth(growing.rest("Not all of it was read. ctrl+r reads it again."))
            self.tell_trouble()
            raise
        if growing.is_full:
            only = f"Only the first {MOST_FILTERED:,} secrets are filtered. ctrl+f finds all."
            tree.show_growth(growing.rest(only))
            self.say(only)
        else:
            tree.show_growth(growing.end())
        self.tell_trouble()
        for what in survey.left_out.places:
            self.show_not_listed(what.path, what.error)
        self.status.not_listed = survey.left_out.counts
        if survey.left_out and not growing.is_full:
            self.say(f"{survey.left_out.told}.", failed=True)

    @on(Input.Changed, "#filter")
    def _filter(self) -> None:
        self._is_filter_due = True
        self.call_after_refresh(self.settle)  # the letter that was typed is seen first

    def settle(self) -> None:
        """Filter by what was typed."""
        if self._is_filter_due and self._filter_input is not None and self.is_attached:
            self._is_filter_due = False
            self.path_tree.filter(self._filter_input.value)

    @on(Input.Submitted, "#filter")
    def _keep_filter(self) -> None:
        self.path_tree.focus()
        self.path_tree.move_to_match()

    def _end_filter(self, shown: Input) -> None:
        """The whole tree again, the cursor where it was found."""
        found = self.path_tree.cursor or self._before_filter
        shown.display = False
        shown.value = ""
        self.path_tree.filter("")
        if found is not None:
            self.path_tree.select(*found)
        self.path_tree.focus()

    # -- marks and folds

    def action_tree_mark(self) -> None:
        if self.tab == "versions" and self.focused is self.version_list:
            self._mark_version()
        else:
            self.path_tree.toggle_mark()

    def _mark_version(self) -> None:
        number = self.version_list.version
        if number is not None:
            self.marked_versions ^= {number}
            self.show_versions()
            self.version_list.move(1)

    def action_tree_mark_all(self) -> None:
        self.path_tree.mark_shown()

    def action_tree_fold_all(self) -> None:
        self.path_tree.fold_all()

    def action_tree_unfold_all(self) -> None:
        left = self.path_tree.unfold_level(MOST_UNFOLDED)
        if left:
            self.say(f"{MOST_UNFOLDED} folders were unfolded, {left} were not. Z goes on.")

    def action_tree_refresh(self) -> None:
        self.work(self.reload, "tree", "read again")

    # -- going somewhere

    def action_tree_goto(self) -> None:
        from kvtui.ui.dialogs.goto import GotoDialog  # noqa: PLC0415 - dialogs load when first asked for

        start = self.secret.path if self.secret else self.path_tree.cursor_folder
        self.app.push_screen(GotoDialog(start, self.completions(), self.session), self.arrive)

    def completions(self) -> Completions:
        """Of paths, by the folders that are loaded and the names that were read."""
        from kvtui.services.completing import Completions  # noqa: PLC0415

        tree = self.path_tree
        return Completions(tree.rows.children, tree.loaded_folders(), self.session.names)

    def action_find_everywhere(self) -> None:
        from kvtui.ui.dialogs.find import FindDialog  # noqa: PLC0415

        here, profiles = self.session.profile.name, self.kvtui.profiles
        others = [profiles.get(name) for name in profiles.names if name and name != here]
        dialog = FindDialog(self.session, self.kvtui.name_keys, others)

        def decided(key: str | None) -> None:
            self.status.not_listed = dialog.left_out.counts
            profile, path = (here, None) if key is None else dialog.where(key)
            if profile == here:
                self.arrive(path)
            else:
                self.app.call_later(self.kvtui.switch_profile, profiles.get(profile), path)

        self.app.push_screen(dialog, decided)

    def arrive(self, path: str | None) -> None:
        if path is not None:
            self.work(partial(self._go_and_tell, path), "tree", "go to a path")

    async def _go_and_tell(self, path: str) -> None:
        try:
            await self.go_to(path)
        except Undisclosed:
            raise  # it may be there still
        except NotFound:
            self.session.is_gone(path)
            raise
        self.path_tree.focus()

    @property
    def bookmarks(self) -> Bookmarks:
        from kvtui.services.bookmarks import Bookmarks  # noqa: PLC0415

        return Bookmarks.of(self.session.profile)

    def action_bookmark_list(self) -> None:
        from kvtui.ui.dialogs.pick import PickDialog  # noqa: PLC0415

        try:
            rows = [(path, path) for path in self.bookmarks.paths()]
        except KvtuiError as error:
            self.problem(error)
            return
        self.app.push_screen(
            PickDialog("Bookmarks", rows, empty="No bookmarks yet. B bookmarks this path."), self.arrive
        )

    def action_bookmark_add(self) -> None:
        path, _ = self.at_cursor
        if path is None:
            self.problem(InvalidInput("Nothing is selected.", hint="Put the cursor on a secret or a folder."))
            return
        try:
            added = self.bookmarks.toggle(path)
        except KvtuiError as error:
            self.problem(error)
        else:
            self.say(f"{'Bookmarked' if added else 'No longer bookmarked:'} {path}.")

    def action_tree_forget(self) -> None:
        self._forget(self.at_cursor[0])

    def action_tree_forget_all(self) -> None:
        self._forget(None)

    def _forget(self, path: str | None) -> None:
        from kvtui.ui.screens.forgetting import ask_to_forget  # noqa: PLC0415 - few stores need it

        ask_to_forget(self, path)

    def cancel_work(self) -> bool:
        """Cancel whatever can be cancelled; True when something was. Bulk work ends after the item it is at."""
        if self.bulk_running and not self.bulk_stopped:
            self.bulk_stopped = True
            return True
        cancellable = [
            one for one in self.workers if (one.group == "long" or one in self.waiting) and not one.is_finished
        ]
        for worker in cancellable:
            worker.cancel()
            what, _, folder = worker.group.partition(" ")
            if what == "folder":
                self.path_tree.show_error(folder, "Cancelled. ctrl+r reads it again.", "not listed")
        return bool(cancellable)
