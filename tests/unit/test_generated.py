"""Files that are made are kept current, whatever the machine's own encoding is, and no others."""

from pathlib import Path

import pytest

from infra.generated import keep_current

PAGE, PICTURE = Path("docs/page.md"), Path("docs/made/one.svg")
FILES = {PAGE: "1 → 500 µs\n", PICTURE: "<svg/>\n"}
ONLY = ["docs/made/*.svg"]


@pytest.fixture
def keep(tmp_path, capsys):
    """Keeps the files current, or checks them; the exit code and what is said."""

    def kept(*, check):
        code = keep_current(tmp_path, FILES, check=check, remedy="make it", only=ONLY)
        said = capsys.readouterr()
        return code, said.out + said.err

    return kept


def test_files_are_written_once(keep, tmp_path):
    assert keep(check=True) == (1, f"{PAGE} is not current: make it\n{PICTURE} is not current: make it\n")
    assert keep(check=False) == (0, f"wrote {PAGE}\nwrote {PICTURE}\n")
    assert keep(check=False) == keep(check=True) == (0, "")
    assert (tmp_path / PAGE).read_bytes() == FILES[PAGE].encode("utf-8")


@pytest.mark.parametrize(
    "content",
    [FILES[PAGE].encode("latin-1", "replace"), b"\xff", FILES[PAGE].encode().replace(b"\n", b"\r\n")],
)
def test_a_file_with_other_bytes_is_not_current(keep, tmp_path, content):
    keep(check=False)
    (tmp_path / PAGE).write_bytes(content)
    assert keep(check=True)[0] == 1
    assert keep(check=False) == (0, f"wrote {PAGE}\n")
    assert keep(check=True) == (0, "")


def test_a_file_that_is_made_no_more_is_named_and_deleted(keep, tmp_path):
    keep(check=False)
    others = [tmp_path / "docs/another.md", tmp_path / "docs/made/photo.png"]
    for left in (*others, tmp_path / "docs/made/old.svg"):
        left.touch()
    assert keep(check=True) == (1, "docs/made/old.svg is made no more: make it\n")
    assert (tmp_path / "docs/made/old.svg").exists()
    assert keep(check=False) == (0, "deleted docs/made/old.svg\n")
    assert keep(check=True) == (0, "")
    assert all(other.exists() for other in others)
