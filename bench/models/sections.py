"""A Markdown file of sections that are measured one by one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

MARK = "## "


def update(path: Path, head: Sequence[str], heading: str, lines: Sequence[str]) -> None:
    """Puts the section in place of the one of its heading, or last; other sections stay as they are."""
    sections: dict[str, list[str]] = {}
    if path.exists():
        name = None
        for line in path.read_text().splitlines():
            if line.startswith(MARK):
                name = line.removeprefix(MARK)
                sections[name] = []
            elif name is not None:
                sections[name].append(line)
    sections[heading] = ["", *lines, ""]
    text = [*head, ""]
    for name, body in sections.items():
        text += [MARK + name, *body]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(text).rstrip("\n") + "\n")
