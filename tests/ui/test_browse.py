from tests.ui.conftest import SENTINEL, Running


async def test_the_tree_opens_folders_and_shows_a_secret_masked(running: Running) -> None:
    async with running() as screen:
        assert "app" in screen.text
        await screen.press("l", "j", "j")
        text = await screen.settle()
        assert "app/db" in text
        assert "••••••••" in text
        assert SENTINEL not in text
