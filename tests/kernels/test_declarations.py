"""What is declared of a kernel in Python, and what its C text makes of it."""

import ctypes
import re

import pytest

from engine.backtest.contracts.structure import LegStatus
from engine.backtest.legs.attribution import PARTS
from engine.kernels import host
from engine.kernels.codes import MARKED_PARTS
from engine.kernels.declare import Entry, Kernel, codes, numbers, positions, reads, writes
from engine.kernels.entries import KERNELS
from engine.kernels.source import FOLDER, source

ENTRIES = [(kernel, entry) for kernel, declared in KERNELS.items() for entry in declared.entries]


def test_one_declaration_gives_the_signature_the_fields_and_the_arguments():
    parameters = (*numbers("days"), *reads("STORED", "iv", "days", strides="step"), *writes("u8", "status", "days"))
    text = Kernel({"mark": Entry("days", parameters)}, constants=(positions("SIDES", ("bid", "ask")),)).text
    assert text.splitlines() == [
        "enum { BID = 0, ASK = 1, SIDES = 2 };",
        "#define MARK_PARAMETERS i64 first, i64 last, i64 days, const STORED *iv, i64 step, u8 *status",
        "#define MARK_FIELDS i64 days; const STORED *iv; i64 step; u8 *status;",
        "#define MARK_ARGUMENTS days, iv, step, status",
    ]


@pytest.mark.parametrize(("kernel", "entry"), ENTRIES)
def test_every_declared_entry_has_its_definition_for_either_machine(kernel, entry):
    text = (FOLDER / f"{kernel}.cu").read_text(encoding="utf-8")
    assert len(re.findall(rf'extern "C".* {entry}\({entry.upper()}_PARAMETERS\)', text)) == 2


@pytest.mark.parametrize(("kernel", "entry"), ENTRIES)
def test_every_extent_and_stride_of_an_entry_is_known_when_it_is_launched(kernel, entry):
    declared = KERNELS[kernel].entries[entry]
    known = {parameter.name for parameter in declared.parameters if not parameter.extents} | {declared.item, None}
    for parameter in declared.parameters:
        assert {name for name, _ in parameter.terms} | set(parameter.strides) <= known, parameter.name


@pytest.mark.parametrize("kernel", [name for name, declared in KERNELS.items() if declared.constants])
def test_a_constant_has_the_same_value_in_c_as_in_python(kernel, tmp_path):
    if host.missing():
        pytest.skip(host.missing())
    constants = {name: value for group in KERNELS[kernel].constants for name, value in group.items()}
    functions = "".join(f'extern "C" int value_of_{name}() {{ return {name}; }}\n' for name in constants)
    host._compile(source(kernel, "float32") + functions, tmp_path / "constants.so")
    library = ctypes.CDLL(str(tmp_path / "constants.so"))
    assert {name: getattr(library, f"value_of_{name}")() for name in constants} == constants


def test_the_book_in_c_has_the_codes_and_columns_of_the_backtest():
    constants = {name: value for group in KERNELS["book"].constants for name, value in group.items()}
    assert constants.items() >= codes(LegStatus).items()
    assert [constants[part.upper()] for part in MARKED_PARTS] == list(range(constants["PARTS"]))
    assert constants["COLUMNS"] == len(PARTS)
    assert PARTS[: constants["PARTS"]] == MARKED_PARTS
    assert constants["EXITED"] == LegStatus.EXITED == 5  # as it is written in the files of earlier runs
