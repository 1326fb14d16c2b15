"""Every kernel: compiled for all devices it may meet, and held against the array code it replaces.

The first steps need no GPU: NVRTC compiles without a driver, and the CPU's own compiler makes what runs in CI, of the
GPU's branch too (`tests/device/cuda_on_cpu`).
"""

import subprocess
from dataclasses import replace

import numpy as np
import pytest

from engine.backtest import Recipe, Straddle, build_book, choose_contracts
from engine.kernels import host, switched_off
from engine.kernels.codes import PARTS
from engine.kernels.entries import KERNELS
from engine.kernels.source import FOLDER, STORED, source
from engine.testing import small_market
from tests.kernels.cases import CASES, assert_numbers_of_array_code, book
from tests.kernels.registers import VARIANTS

ARCHITECTURES = (75, 80, 86, 89, 90, 100, 120)


def test_every_kernel_has_a_case():
    assert {case.kernel for case in CASES} == set(KERNELS) == {path.stem for path in FOLDER.glob("*.cu")}


@pytest.mark.parametrize("dtype", STORED)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.kernel)
@pytest.mark.parametrize("seed", range(3))
def test_a_kernel_gives_the_numbers_of_the_array_code(xp, case, dtype, seed):
    assert_numbers_of_array_code(xp, case, dtype, seed)


@pytest.mark.parametrize("dtype", STORED)
@pytest.mark.parametrize(("kernel", "variant"), VARIANTS)
def test_a_kernel_compiles_for_every_device(kernel, variant, dtype):
    nvrtc = pytest.importorskip("cupy_backends.cuda.libs.nvrtc", reason="CuPy is not installed; NVRTC comes with it")
    try:
        nvrtc.getVersion()
    except RuntimeError as error:
        pytest.skip(f"NVRTC is not installed: {error}")
    for architecture in ARCHITECTURES:
        program = nvrtc.createProgram(source(kernel, dtype, *variant), f"{kernel}.cu", (), ())
        try:
            nvrtc.compileProgram(program, ("-std=c++17", f"-arch=sm_{architecture}"))
        except Exception as error:
            pytest.fail(f"sm_{architecture}: {error}\n{nvrtc.getProgramLog(program)}")
        finally:
            nvrtc.destroyProgram(program)


@pytest.mark.parametrize(("kernel", "variant"), VARIANTS)
def test_a_kernel_compiles_without_a_warning_on_the_cpu(kernel, variant):
    if host.missing():
        pytest.skip(host.missing())
    command = [host.compiler(), *host.FLAGS, "-Wall", "-Wextra", "-Werror", "-", "-o", "/dev/null"]
    text = source(kernel, "float32", *variant)
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_book_without_a_holding_day_has_its_entry_day(xp):
    panel = small_market(0)
    end = panel.map_arrays(lambda _, array: array[:5]).to(xp.__name__)
    cohorts = choose_contracts(end, np.array([4]), Straddle(25))
    made = build_book(end, end.weights, cohorts, Recipe())
    with switched_off():
        assert (
            build_book(end, end.weights, cohorts, Recipe()).explain.shape == made.explain.shape == (1, 1, 2, len(PARTS))
        )
    assert made.days == 0
    assert not made.entered.any()


def test_an_index_stored_wider_than_its_members_is_not_rounded():
    panel = small_market(0)
    wide = replace(panel, index_iv=panel.index_iv * np.float64(1.0 + 1e-9))
    assert panel.component_iv.dtype == np.float32
    with switched_off():
        expected = book(wide)["legs.iv"]
    np.testing.assert_allclose(book(wide)["legs.iv"], expected, rtol=1e-13)  # float32 is 6e-8


def test_headers_are_spliced_once():
    text = source("moments", "float64")
    assert '#include "' not in text
    assert "#define STORED double" in text
    assert text.count("INLINE bool is_finite") == 1


def test_without_a_compiler_array_code_runs_and_says_why(monkeypatch):
    monkeypatch.setattr(host, "compiler", lambda: None)
    assert "no C++ compiler" in host.missing.__wrapped__()


def test_a_compiler_that_fails_is_named_with_its_first_words(monkeypatch, tmp_path):
    monkeypatch.setattr(host, "compiler", lambda: "/bin/false")
    monkeypatch.setattr(host, "_version", lambda: "none")
    monkeypatch.setattr(host, "_folders", lambda: (tmp_path,))
    assert host.missing.__wrapped__().startswith("/bin/false failed")
    assert list(tmp_path.iterdir()) == []  # nothing half-written
