"""Look at the built site: ``python -m tests.docs.site_links build/docs`` prints links that lead nowhere and what is fetched.

Exit code 1 where there is any: an internal link or anchor that does not resolve, a script or style sheet of another site, a
formula that could not be set.
"""

from __future__ import annotations

import re
import sys
from functools import cache
from pathlib import Path
from urllib.parse import unquote


@cache
def text(page: Path) -> str:
    """The source of a page."""
    return page.read_text(errors="replace")


@cache
def anchors(page: Path) -> frozenset[str]:
    """What links may name on a page."""
    return frozenset(re.findall(r'\bid="([^"]+)"', text(page)))


def faults(site: Path) -> tuple[int, list[str]]:
    """How many internal links there are, and what is wrong."""
    count, found = 0, []
    for page in sorted(site.rglob("*.html")):
        name = page.relative_to(site)
        for link in re.findall(r'<a [^>]*href="([^"]+)"', text(page)):
            if re.match(r"[a-z]+:", link):
                continue
            count += 1
            path, _, anchor = link.partition("#")
            target = (page.parent / unquote(path)).resolve() if path else page
            if not target.exists():
                found.append(f"{name}: {link} leads nowhere")
            elif anchor and target.suffix == ".html" and unquote(anchor) not in anchors(target):
                found.append(f"{name}: {link} has no anchor")
        found += [
            f"{name}: fetches {url}" for url in re.findall(r'<(?:script|link)[^>]+(?:src|href)="(https?:[^"]+)"', text(page))
        ]
        if "<math></math>" in text(page):
            found.append(f"{name}: a formula is empty")
    return count, found


if __name__ == "__main__":
    links, wrong = faults(Path(sys.argv[1]))
    print(*wrong, f"{links} internal links, {len(wrong)} faults", sep="\n")
    sys.exit(bool(wrong))
