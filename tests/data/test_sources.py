"""Every source in the table offers what `load_market` and the commands ask of one."""

from dataclasses import fields, is_dataclass

import pytest

from engine.data import FileSource, Source
from engine.data.load import find_source, source_kind
from engine.data.sources import SOURCES


@pytest.mark.parametrize("name", SOURCES)
def test_every_source_is_a_frozen_dataclass_of_its_settings_and_says_whether_it_reads_files(name):
    kind = source_kind(name)
    assert is_dataclass(kind)
    assert kind.__dataclass_params__.frozen
    assert Source in kind.__mro__
    reads_files = {"path", "start", "end"} <= {f.name for f in fields(kind)}
    assert (FileSource in kind.__mro__) == reads_files


def test_a_source_that_does_not_build_cannot_be_made():
    class Half(Source):
        def fingerprint(self):
            return ""

    with pytest.raises(TypeError, match="blocks"):
        Half()


def test_a_source_offers_nothing_besides_the_panel_unless_it_says_so():
    source = find_source("synthetic", None, {"years": 1, "names": 5})
    assert source.published() is None
    assert source.other_index_legs() == ()
