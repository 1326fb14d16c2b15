"""A vendor's file without any one of its columns is read without it, or refused in words; nothing else happens."""

import contextlib

import polars as pl
import pytest

from engine.data.vendors.canonical import Reading
from engine.data.vendors.read_layout import read_file
from engine.data.vendors.recognise import look
from engine.errors import InputError
from tests.data.vendor_world import FORMATS

ROWS = 60


def texts(folder):
    """One file of each header."""
    found = {}
    for file in sorted(folder.rglob("*")):
        if file.suffix in (".csv", ".txt"):
            found.setdefault(file.read_text(encoding="utf-8").partition("\n")[0], file)
    return list(found.values())


@pytest.mark.parametrize("name", FORMATS)
def test_a_file_without_one_of_its_columns(name, tmp_path):
    FORMATS[name][1](tmp_path / "whole")
    for file in texts(tmp_path / "whole"):
        rows = pl.read_csv(file, infer_schema=False, n_rows=ROWS)
        for number, column in enumerate(rows.columns):
            place = tmp_path / f"{file.stem}-{number}"
            place.mkdir()
            rows.drop(column).write_csv(place / file.name)
            with contextlib.suppress(InputError):
                for match in look(place).matches:
                    read_file(match.raw, match.layout, {"iv": Reading().iv})
