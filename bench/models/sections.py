"""A Markdown file of sections that are measured one by one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

MARK = "## "


def update(path: Path, head: Sequence[str], heading: str, lines: Sequence[str]) -> None:
    """Puts the section in place of the one of its heading, or last; other sections stay as they are."""
    sections = {}
    if path.exists():
        for text in f"\n{path.read_text()}".split(f"\n{MARK}")[1:]:
            name, _, body = text.partition("\n")
            sections[name] = body.strip("\n")
    sections[heading] = "\n".join(lines)
    parts = ["\n".join(head), *(f"{MARK}{name}\n\n{body}" for name, body in sections.items())]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n\n".join(parts) + "\n")
