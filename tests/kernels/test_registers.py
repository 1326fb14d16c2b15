"""What a GPU needs to run each kernel: no spilling, an occupancy that is stated here, and a file that says so."""

import json

import pytest

from engine.kernels.entries import KERNELS
from tests.kernels import registers

# `accounts` has one warp per block, and of blocks there are 32. `early_exercise` holds an option beside the formula.
LEAST_OCCUPANCY = {"accounts": 0.375, "enter": 0.4375, "early_exercise": 0.3125}
LEAST_OF_BOOKS = {1: 0.4375, 2: 0.3125}  # by instruments; `hold` alone is made for them
LEAST_WITH_CASH = 0.375
# What `hold` keeps from one close to the next lies in local memory: 16 bytes of a leg, 72 of each instrument.
MOST_ON_STACK = {1: 88, 2: 160}


@pytest.fixture(scope="module")
def rows():
    nvrtc = pytest.importorskip(
        "cupy_backends.cuda.libs.nvrtc", reason="NVRTC comes with the extra dev: pip install -e .[dev]"
    )
    try:
        nvrtc.getVersion()
    except RuntimeError as error:
        pytest.skip(f"{error}; it comes with: pip install nvidia-cuda-nvrtc")
    return registers.of_all_kernels()


def test_every_entry_is_told_of_every_architecture(rows):
    told = {(row["kernel"], row["entry"], row["architecture"]) for row in rows if row["instruments"] == 1}
    entries = [(kernel, entry) for kernel in KERNELS for entry in KERNELS[kernel].entries]
    assert told == {(*names, f"sm_{number}") for names in entries for number in registers.SHARED_MEMORY}


def test_no_kernel_spills(rows):
    assert not [row for row in rows if row["spill_store_bytes"] or row["spill_load_bytes"]]
    most = {"hold": MOST_ON_STACK}
    assert not [row for row in rows if row["stack_bytes"] > most.get(row["entry"], {}).get(row["instruments"], 0)]


def least_occupancy(row):
    if row["entry"] == "hold":
        return LEAST_WITH_CASH if row["pays_cash"] else LEAST_OF_BOOKS[row["instruments"]]
    return LEAST_OCCUPANCY.get(row["entry"], 0.5)


def test_no_kernel_falls_below_its_occupancy(rows):
    assert not [row for row in rows if row["occupancy"] < least_occupancy(row)]


def test_the_file_says_what_this_compiler_says(rows):
    kept = json.loads(registers.FILE.read_text(encoding="utf-8"))
    where = ("entry", "instruments", "hedge_rule", "pays_cash", "single", "architecture")
    assert [[row[name] for name in where] for row in kept["kernels"]] == [[row[name] for name in where] for row in rows]
    if kept["compiled"] == registers.compiled_by():  # another version gives other numbers
        assert kept["kernels"] == rows, "python -m tests.kernels.registers writes it again"


@pytest.mark.parametrize(
    ("registers_used", "threads", "shared", "expected"),
    [
        (32, 128, 0, 1.0),  # 65536 / 32 threads of 2048
        (33, 128, 0, 0.75),  # 40 registers each, as they are given by 256 a warp: 51 warps, so 12 blocks of 4
        (32, 32, 0, 0.5),  # 32 blocks at most
        (16, 64, 100 * 1024, 0.0625),  # two blocks of two warps
    ],
)
def test_occupancy(registers_used, threads, shared, expected):
    assert registers.occupancy(registers_used, threads, shared, 90) == expected
