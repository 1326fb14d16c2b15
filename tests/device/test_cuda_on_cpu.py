"""Running a GPU's kernels on a CPU: it computes what a GPU does, and tells what a GPU would leave to chance."""

import importlib

import numpy as np
import pytest

from engine.backend import resolve
from engine.kernels import host
from engine.kernels.source import source
from tests.device import cuda_on_cpu
from tests.device.cuda_on_cpu import DeviceFault
from tests.kernels.cases import CASES, assert_numbers_of_array_code

pytest.importorskip("cupy", reason="CuPy is not installed; its rules cannot be looked up")
stand_in = importlib.import_module("tests.device.stand_in")

pytestmark = pytest.mark.skipif(cuda_on_cpu.missing() is not None, reason=str(cuda_on_cpu.missing()))

ALL = "0xffffffffu"
SEEDS = range(6)
# Each body is that of a kernel of its own, `x` an array of 64 doubles.
RIGHT = {
    "sum_of_block": f"""
        __shared__ double of_warp[2];
        double sum = threadIdx.x;
        for (int step = 16; step > 0; step /= 2) sum += __shfl_down_sync({ALL}, sum, step);
        if (threadIdx.x % 32 == 0) of_warp[threadIdx.x / 32] = sum;
        __syncthreads();
        x[threadIdx.x] = of_warp[0] + of_warp[1];""",
    "reversed": """
        extern __shared__ double all[];
        all[threadIdx.x] = threadIdx.x;
        __syncthreads();
        x[threadIdx.x] = all[63 - threadIdx.x];""",
    "rank_among_odd": f"""
        const unsigned odd = __ballot_sync({ALL}, threadIdx.x % 2);
        x[threadIdx.x] = __popc(odd & ((1u << threadIdx.x % 32) - 1u));""",
    "halves": """
        const unsigned half = threadIdx.x % 32 < 16 ? 0xffffu : 0xffff0000u;
        double most = threadIdx.x;
        for (int step = 8; step > 0; step /= 2) most = fmax(most, __shfl_xor_sync(half, most, step));
        if (threadIdx.x % 32 < 16) most += __shfl_xor_sync(half, 0.5, 1);
        x[threadIdx.x] = __shfl_sync(0xffffffffu, most, 16);""",
    "neighbours_of_a_warp": """
        x[threadIdx.x] = threadIdx.x;
        __syncwarp();
        const double next = x[threadIdx.x ^ 1];
        __syncwarp();
        x[threadIdx.x] += next;""",
}
EXPECTED = {
    "sum_of_block": np.full(64, 63 * 32.0),
    "reversed": np.arange(63.0, -1.0, -1.0),
    "rank_among_odd": np.tile(np.arange(32) // 2, 2),
    "halves": np.repeat([31.0, 63.0], 32),
    "neighbours_of_a_warp": np.arange(64) // 2 * 4.0 + 1.0,
}
WRONG = {
    "early_return": ("if (threadIdx.x == 40) return; __syncthreads();", "returned without the barrier of the block"),
    "two_barriers": (
        "if (threadIdx.x < 32)\n__syncthreads();\nelse\n__syncthreads();",
        "different barriers of the block",
    ),
    "lane_gone": (
        f"if (threadIdx.x == 7) return; x[threadIdx.x] = __ballot_sync({ALL}, 1);",
        "a lane that has returned",
    ),
    "lane_elsewhere": (
        f"if (threadIdx.x % 32 == 7) __syncthreads(); else __shfl_xor_sync({ALL}, 1.0, 1);",
        "at another barrier",
    ),
    "mask_without_caller": ("__syncwarp(0xfffffffeu);", "does not name the lane that calls"),
    "lane_not_named": ("if (threadIdx.x % 32 < 8) __shfl_down_sync(0xffu, 1.0, 4);", "one that the mask does not name"),
    "shared_race": (
        "__shared__ int last; last = threadIdx.x; x[threadIdx.x] = last;",
        "one place with no barrier|reads what another thread writes",
    ),
    "warp_race": (
        "__shared__ int s[64]; s[threadIdx.x] = 1; x[threadIdx.x] = s[threadIdx.x ^ 1];",
        "no thread has written|with no barrier in between",
    ),
    "read_then_written": (
        "__shared__ int s; if (threadIdx.x == 0) s = 1; __syncthreads(); x[threadIdx.x] = s;"
        "if (threadIdx.x == 63) s = 2;",
        "with no barrier in between",
    ),
    "blocks_race": ("if (threadIdx.x == 0) x[0] = blockIdx.x;", "two threads write to one place"),
    "unwritten": ("__shared__ double s[64]; x[threadIdx.x] = s[threadIdx.x];", "that no thread has written"),
    "beyond": ("x[threadIdx.x + 1] = 0.0;", "writes outside of all arrays"),
    "before": ("x[63] = x[(int)threadIdx.x - 1];", "reads outside of all arrays|no barrier in between"),
}


def text(bodies: dict) -> str:
    return "\n".join(f'extern "C" __global__ void {name}(double *x) {{\n{body}\n}}' for name, body in bodies.items())


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", RIGHT)
def test_a_right_kernel_gives_its_numbers_in_any_order_of_threads(name, seed):
    x = np.full(64, np.nan)
    cuda_on_cpu.launch("right", text(RIGHT), name, 1, 64, [x], shared=64 * 8, seed=seed)
    np.testing.assert_array_equal(x, EXPECTED[name])


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", WRONG)
def test_what_a_device_leaves_to_chance_is_told_in_any_order_of_threads(name, seed):
    bodies = {name: body for name, (body, _) in WRONG.items()}
    with pytest.raises(DeviceFault, match=WRONG[name][1]):
        cuda_on_cpu.launch("wrong", text(bodies), name, 2, 64, [np.zeros(64)], seed=seed)


def test_the_text_of_a_barrier_and_the_thread_that_misses_it_are_told():
    bodies = {name: body for name, (body, _) in WRONG.items()}
    with pytest.raises(DeviceFault, match=r"^wrong.early_return: .* at `if \(threadIdx.x == 40\) return;.*thread 40"):
        cuda_on_cpu.launch("wrong", text(bodies), "early_return", 2, 64, [np.zeros(64)])


def test_a_warp_that_is_not_whole_is_not_named_whole():
    with pytest.raises(DeviceFault, match="a lane that the block does not have"):
        cuda_on_cpu.launch("right", text(RIGHT), "rank_among_odd", 1, 40, [np.zeros(64)])


def test_a_block_over_its_launch_bounds_is_refused():
    bounded = text(RIGHT).replace("void reversed", "void __launch_bounds__(32) reversed")
    with pytest.raises(DeviceFault, match="than its launch bounds allow"):
        cuda_on_cpu.launch("bounded", bounded, "reversed", 1, 64, [np.zeros(64)], shared=512)
    with pytest.raises(DeviceFault, match="than its launch bounds allow"):
        cuda_on_cpu.launch("right", text(RIGHT), "reversed", 1, 1025, [np.zeros(64)])


# What is put wrong in a kernel: its file, a text in it, what stands in its place, and on which of its cases it is run.
FAULTS = [
    # A barrier left out.
    (
        "moments",
        "per_warp[warp] = __popc(ballot);\n            __syncthreads();",
        "per_warp[warp] = __popc(ballot);",
        1,
    ),
    ("moments", "(w > 0.0 ? 1 : 0);\n            __syncthreads();", "(w > 0.0 ? 1 : 0);", 1),
    ("sweep", "    __syncwarp();\n    for (i64 c = 0", "    for (i64 c = 0", 0),
    ("sweep", "        __syncwarp();\n    }", "    }", 0),
    ("book", "    __syncthreads();\n    for (int k = threadIdx.x", "    for (int k = threadIdx.x", 2),
    ("book", "flows, sums[day & 1]);", "flows, sums[0]);", 2),
    ("book", "store_sums(out, at, sums[day & 1]);", "store_sums(out, at, sums[0]);", 2),
    # A wrong index.
    ("moments", "1u << lane) - 1u", "1u << lane) - 2u", 1),
    ("moments", "before < warp", "before <= warp", 1),
    ("moments", "blockDim.x - 1) count", "0) count", 1),
    ("moments", "cell < cells ? cell : 0", "cell", 1),
    ("moments", "if (cell < cells) {", "if (cell <= cells) {", 0),
    ("sweep", "if (set >= last) return;", "if (set > last) return;", 0),
    ("straddle", "if (i >= last) return;", "", 0),
    ("implied_vol", "if (i >= last) return;", "if (i > last) return;", 0),
    ("model_free", "(i64)blockDim.x + threadIdx.x", "(i64)blockDim.x + threadIdx.x / 2 * 2", 0),
    ("sweep", "lag + lane; t < dates; t += 32", "lag + lane; t < dates; t += 31", 0),
    ("book", "threadIdx.x <= legs && units", "threadIdx.x < legs && units", 2),
    ("book", "sums[flow][leg / 32]", "sums[flow][leg / 64]", 2),
    ("book", "            x[k] = 0.0;\n", "", 2),  # the index among the components
    ("book", "k < FLOWS; k += blockDim.x", "k < FLOWS - 1; k += blockDim.x", 2),
    # A thread that returns early, or too many that go on.
    (
        "moments",
        "for (i64 start = 0; start < cells",
        "if (first + blockIdx.x + threadIdx.x == 40) return;\n    for (i64 start = 0; start < cells",
        1,
    ),
    ("sweep", "__syncwarp();\n    for (i64 c = 0", "if (lane == 31) return;\n    __syncwarp();\n    for (i64 c = 0", 0),
    ("book", "    Kept kept[INSTRUMENTS];\n", "    if (!lives) return;\n    Kept kept[INSTRUMENTS];\n", 2),
    # A wrong mask, or a wrong step of a sum.
    ("moments", "__ballot_sync(0xffffffffu, w > 0.0)", "__ballot_sync(0x7fffffffu, w > 0.0)", 1),
    ("book", "__shfl_xor_sync(0xffffffffu, is_upper", "__shfl_xor_sync(0xffffu, is_upper", 2),
    ("book", "int STEP = 16>", "int STEP = 8>", 2),
    ("book", "which += is_upper ? HALF : 0;", "which += is_upper ? 0 : HALF;", 2),
    ("book", "if (count <= 0) return;", "", 2),
    ("sweep", "int step = 16; step > 0; step /= 2) x +=", "int step = 8; step > 0; step /= 2) x +=", 0),
]


@pytest.mark.parametrize(("kernel", "right", "wrong", "which"), FAULTS)
def test_a_fault_planted_in_a_kernel_is_caught(kernel, right, wrong, which, monkeypatch, tmp_path):
    def planted(name, *asked):
        code = source(name, *asked)
        if code.count(right) != (name == kernel):
            raise LookupError(f"{right!r} is {code.count(right)} times in {name}")
        return code.replace(right, wrong)

    case = [case for case in CASES if case.kernel == kernel][which]
    monkeypatch.setattr(cuda_on_cpu, "source", planted)
    monkeypatch.setattr(host, "_folders", lambda: (tmp_path,))  # not to be kept
    xp = stand_in.install(monkeypatch)
    try:
        with pytest.raises(AssertionError):  # a fault that is told, or other numbers
            assert_numbers_of_array_code(xp, case, "float32", seed=0)
    finally:
        resolve.cache_clear()
