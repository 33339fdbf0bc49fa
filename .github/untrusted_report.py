"""Make a report that a pull request's own code wrote safe to post in the project's name.

    python untrusted_report.py review.zip FOLDER

Reads an artifact without unpacking it, and writes FOLDER/review.md and the pictures that it shows.
Only Python's own library is used. From the environment: HEAD_SHA, FORK, RUN_URL.

The text keeps headings, emphasis, tables and folds. It cannot link, mention, refer to an issue or
a commit, show a picture from elsewhere, or bring other HTML. GitHub cleans HTML too; the rest it
does not: a mention sends mail, and a link in a comment by the project's bot looks like the
project's own.
"""

import html
import os
import re
import sys
import unicodedata
import zipfile
from pathlib import Path

LONGEST = 63_000
"""Characters of the text at most, so that the whole stays below the 65,536 of GitHub."""
LARGEST_PICTURE = 5_000_000
MOST_PICTURES = 6
PNG = b"\x89PNG\r\n\x1a\n"

_PICTURE = re.compile(r"!\[(.*)\]\(([a-z0-9_]{1,60}\.png)\)")
_TOKEN = re.compile(r"</?(?:details|summary|code)>|&#?\w{1,31};|.", re.DOTALL)
_MARKUP = "[]\\`"
_ALWAYS = "&<>$~^"
"""Characters that become entities: within HTML a backslash would not escape them."""
_NO_WIDTH = "&#8203;"
# What GitHub makes a link of though it is no markup: commits, addresses, references to issues.
_BARE = [
    re.compile(r"[0-9a-f]{6}(?=[0-9a-f])"),
    re.compile(r":(?=/|&#47;)"),
    re.compile(r"www(?=\.|&#46;)", re.IGNORECASE),
    re.compile(r"gh(?:-|&#45;)(?=\d)", re.IGNORECASE),
]


def clean(text: str, pictures: set[str]) -> str:
    """The text of a report without anything that acts; of pictures those in `pictures` alone.

    What is escaped stays escaped, and a report of ours reads afterwards as it did before.
    """
    lines: list[str] = []
    length = 0
    for line in text.splitlines():
        shown = _line(line, pictures)
        length += len(shown) + 1
        if length > LONGEST:
            lines += ["</details>" * _open_folds(lines), "", "The rest was left out for length."]
            break
        lines.append(shown)
    return "\n".join(lines).rstrip() + "\n"


def read(artifact: Path) -> tuple[str, dict[str, bytes]]:
    """The text of a report and its pictures by name, as far as they are what they should be."""
    with zipfile.ZipFile(artifact) as archive:
        text = _member(archive, "review.md", 4 * LONGEST).decode("utf-8", "replace")
        shown = {found[2] for line in text.splitlines() if (found := _PICTURE.fullmatch(line))}
        names = [name for name in archive.namelist() if name in shown][:MOST_PICTURES]
        content = {name: _member(archive, name, LARGEST_PICTURE) for name in names}
    return text, {
        name: data
        for name, data in content.items()
        if data.startswith(PNG) and len(data) <= LARGEST_PICTURE
    }


def introduction(commit: str, address: str, *, fork: bool) -> str:
    """What the project itself says of the report."""
    told = f"Commit {commit[:10]}. [The run]({address}#artifacts) has the page with everything."
    if fork:
        told += (
            "\n\n> **From a fork**: code of this pull request wrote what follows, so it proves no"
            " more than its author does. Nothing of it was pushed."
        )
    return told


def main(artifact: Path, folder: Path) -> None:
    """Write what can be posted of `artifact` to `folder`."""
    text, pictures = read(artifact)
    told = introduction(
        os.environ["HEAD_SHA"], os.environ["RUN_URL"], fork=os.environ["FORK"] == "true"
    )
    folder.mkdir(parents=True)
    for name, content in pictures.items():
        (folder / name).write_bytes(content)
    (folder / "review.md").write_text(f"{told}\n\n{clean(text, set(pictures))}", encoding="utf-8")


def _line(line: str, pictures: set[str]) -> str:
    picture = _PICTURE.fullmatch(line)
    if picture:
        title, name = picture.groups()
        return f"![{_text(title)}]({name})" if name in pictures else ""
    heading = re.match(r"#{1,6} |\s*", line)
    start = heading[0] if heading else ""
    # A line that begins with a slash is a command to some bots. It is looked for at the end: what
    # stood before the slash may have been left out.
    return re.sub(r"^(\s*)/", r"\1&#47;", start + _text(line[len(start) :]))


def _text(line: str) -> str:
    text = "".join(_token(found[0]) for found in _TOKEN.finditer(line))
    for bare in _BARE:
        text = bare.sub(rf"\g<0>{_NO_WIDTH}", text)
    return text


def _token(token: str) -> str:
    """One character, entity or tag, so that it is shown and does nothing."""
    if len(token) == 1:
        return _character(token)
    if token.startswith("<"):
        return token
    decoded = html.unescape(token)
    if decoded == token:
        return f"&amp;{_text(token[1:])}"
    # Still an entity: were it not, it could be markup that the report had escaped.
    return "".join(_character(one, entity=not one.isalnum() and one != ":") for one in decoded)


def _character(one: str, *, entity: bool = False) -> str:
    if unicodedata.category(one) in ("Cc", "Cf"):
        # A new line, a character without width, or one that turns the direction of writing.
        return ""
    if one in "@#":
        return f"&#{ord(one)};{_NO_WIDTH}"
    if entity or one in _ALWAYS:
        return f"&#{ord(one)};"
    return f"\\{one}" if one in _MARKUP else one


def _open_folds(lines: list[str]) -> int:
    text = "\n".join(lines)
    return max(0, text.count("<details>") - text.count("</details>"))


def _member(archive: zipfile.ZipFile, name: str, longest: int) -> bytes:
    """A file in the archive, cut one byte after `longest`, whatever size it says it has."""
    with archive.open(name) as member:
        return member.read(longest + 1)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
