"""The documentation site: every page, every part of another file, and every name it shows is there."""

import importlib
import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "engine" / "docs").glob("*.md"))


def pages(nav):
    for entry in nav:
        for page in entry.values() if isinstance(entry, dict) else [entry]:
            yield from pages(page) if isinstance(page, list) else [page]


def test_every_page_is_in_the_navigation_and_the_other_way_round():
    config = yaml.safe_load((ROOT / "engine" / "mkdocs.yml").read_text(encoding="utf-8"))
    assert sorted(pages(config["nav"])) == [page.name for page in PAGES]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_a_page_takes_from_another_file_is_there(page):
    for name, part in re.findall(r'--8<-- "([^":]+):?([a-z]*)"', page.read_text(encoding="utf-8")):
        source = (ROOT / name).read_text(encoding="utf-8")
        for side in ("start", "end") if part else ():
            assert source.count(f"[{side}:{part}]") == 1


def test_every_name_of_the_api_can_be_imported():
    names = re.findall(r"^::: (\S+)$", (ROOT / "engine" / "docs" / "api.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert len(names) >= 20
    for name in names:
        module, _, last = name.rpartition(".")
        try:
            importlib.import_module(name)
        except ModuleNotFoundError:
            assert hasattr(importlib.import_module(module), last), name


def test_links_between_pages_lead_somewhere():
    for page in PAGES:
        for target in re.findall(r"\]\(([a-z_]+\.md)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).is_file(), f"{page.name}: {target}"
