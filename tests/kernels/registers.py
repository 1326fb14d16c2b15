"""What a GPU needs to run each kernel, and how full that leaves it: told by NVRTC, which asks for no GPU.

    python -m tests.kernels.registers

writes `results/benchmarks/kernels.json`. NVRTC is the wheel `nvidia-cuda-nvrtc`, of the extra `dev` on Linux x86-64.

Occupancy is theoretical: the share of the warps that a multiprocessor can hold which its registers, its shared memory
and its blocks leave room for. It says nothing of speed.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from engine.kernels.entries import KERNELS
from engine.kernels.source import source

FILE = Path(__file__).resolve().parents[2] / "results" / "benchmarks" / "kernels.json"
STORED = "float32"  # as panels store volatilities
# Of a book: instruments of a leg, rule of its hedge, whether cash is taken off strikes, whether in single precision.
USUAL = (1, 0, 0, 0)
BOOKS = [(2, 0, 0, 0), (1, 1, 0, 0), (1, 2, 0, 0), (1, 0, 1, 0), (1, 0, 0, 1), (2, 0, 0, 1)]
VARIANTS = [*((kernel, USUAL) for kernel in KERNELS), *(("book", variant) for variant in BOOKS)]

# Threads of a block and bytes of dynamic shared memory as the engine launches them, of a book those of 51 legs.
LAUNCHED = {
    "enter": (64, 0),
    "hold": (64, 0),
    "implied_correlation": (128, 128 * 12),
    "exit_days": (128, 0),
    "accounts": (32, 0),
    "early_exercise": (64, 0),
    "overfitting": (128, 0),
}
ELEMENTWISE = (128, 0)

# Of a multiprocessor of sm_80 (A100), sm_90 (H100) and sm_100 (B200), from the table of technical specifications in
# the CUDA C++ programming guide; registers are given to a warp by 256, shared memory to a block by 128 bytes.
SHARED_MEMORY = {80: 164 * 1024, 90: 228 * 1024, 100: 228 * 1024}
REGISTERS, WARPS, BLOCKS = 65536, 64, 32
OF_THE_SYSTEM = 1024  # bytes of shared memory that a block takes for itself

_ENTRY = re.compile(
    r"Compiling entry function '(?P<entry>\w+)'.*?(?P<stack>\d+) bytes stack frame, "
    r"(?P<stored>\d+) bytes spill stores, (?P<loaded>\d+) bytes spill loads"
    r".*?Used (?P<registers>\d+) registers(?:[^\n]*?(?P<shared>\d+) bytes smem)?",
    re.DOTALL,
)


def occupancy(registers: int, threads: int, shared: int, architecture: int) -> float:
    """Return the share of a multiprocessor's warps that blocks of a kernel can fill.

    Examples
    --------
    128 registers a thread leave room for 16 warps of 64:

    >>> occupancy(128, 64, 0, 90)
    0.25
    """
    warps = -(-threads // 32)
    by_registers = REGISTERS // (-(-registers * 32 // 256) * 256) // warps
    by_shared = SHARED_MEMORY[architecture] // (-(-(shared + OF_THE_SYSTEM) // 128) * 128)
    return min(WARPS // warps, by_registers, by_shared, BLOCKS) * warps / WARPS


def needs(kernel: str, variant: tuple[int, int, int, int], architecture: int) -> Iterator[dict[str, Any]]:
    """Compile a kernel as a device would have it, and yield what each of its entry points needs."""
    from cupy_backends.cuda.libs import nvrtc

    program = nvrtc.createProgram(source(kernel, STORED, *variant), f"{kernel}.cu", (), ())
    try:
        options = ("-std=c++17", "-ftz=true", f"-arch=sm_{architecture}", "--ptxas-options=-v")
        nvrtc.compileProgram(program, options)
        told = nvrtc.getProgramLog(program)
    finally:
        nvrtc.destroyProgram(program)
    for match in sorted(_ENTRY.finditer(told), key=lambda match: match["entry"]):
        threads, dynamic = LAUNCHED.get(match["entry"], ELEMENTWISE)
        registers, shared = int(match["registers"]), int(match["shared"] or 0) + dynamic
        yield {
            "kernel": kernel,
            "entry": match["entry"],
            "instruments": variant[0],
            "hedge_rule": variant[1],
            "pays_cash": variant[2],
            "single": variant[3],
            "architecture": f"sm_{architecture}",
            "registers": registers,
            "stack_bytes": int(match["stack"]),
            "spill_store_bytes": int(match["stored"]),
            "spill_load_bytes": int(match["loaded"]),
            "shared_bytes": shared,
            "threads": threads,
            "occupancy": round(occupancy(registers, threads, shared, architecture), 4),
        }


def of_all_kernels() -> list[dict[str, Any]]:
    """Return what every entry point of every kernel needs on every architecture."""
    return [
        row
        for kernel, variant in VARIANTS
        for architecture in SHARED_MEMORY
        for row in needs(kernel, variant, architecture)
        # Only `hold` is made for instruments, rules, cash and precisions.
        if variant == USUAL or row["entry"] == "hold"
    ]


def compiled_by() -> dict[str, str]:
    """Return what the numbers depend on besides the kernels."""
    from cupy_backends.cuda.libs import nvrtc

    return {"nvrtc": ".".join(map(str, nvrtc.getVersion())), "stored": STORED}


def main() -> None:
    rows, told = of_all_kernels(), compiled_by()
    lines = ",\n".join(f"  {json.dumps(row)}" for row in rows)
    FILE.write_text(f'{{"compiled": {json.dumps(told)},\n "kernels": [\n{lines}\n]}}\n', encoding="utf-8")
    print(f"{len(rows)} rows: {FILE}")


if __name__ == "__main__":
    main()
