"""Streaming windows: right in every order that the streams may run in, within two windows of memory, exactly the array.

What is put on a stream of the stand-in runs late, in an order drawn from the seed, so a buffer refilled too soon or a
window read too soon gives wrong numbers for some seed. The last tests plant such mistakes and see them found.
"""

import numpy as np
import pytest

from engine import stream as streaming
from engine.stream import stream, upload
from tests.device import stand_in
from tests.device.stand_in import CUDA

ROWS = np.arange(60, dtype=np.float32).reshape(20, 3)
WINDOWS = {
    "of one": [slice(t, t + 1) for t in range(20)],
    "of seven": [slice(t, min(t + 7, 20)) for t in range(0, 20, 7)],
    "whole": [slice(0, 20)],
    "overlapping": [slice(0, 5), slice(2, 9), slice(8, 20)],
    "none": [],
}
SEEDS = range(40)


def computed(device, seed, parts, stop_after=None):
    """Windows as work queued on the current stream finds them, which may run long after it was queued."""
    CUDA.reset(seed)
    CUDA.current = stand_in.Stream()
    found = []
    reader = stream(device, ROWS, parts)
    for number, window in enumerate(reader):
        CUDA.current.put(lambda window=window: found.append(window.get()))
        if number == stop_after:
            reader.close()
    CUDA.current.synchronize()
    return found


@pytest.fixture
def device(monkeypatch):
    return stand_in.install(monkeypatch)


@pytest.mark.parametrize("parts", WINDOWS.values(), ids=WINDOWS)
def test_windows_are_those_of_the_array_in_every_order_the_streams_may_run_in(device, parts):
    for seed in SEEDS:
        found = computed(device, seed, parts)
        assert len(found) == len(parts)
        for part, window in zip(parts, found, strict=True):
            np.testing.assert_array_equal(window, ROWS[part])


@pytest.mark.parametrize("parts", WINDOWS.values(), ids=WINDOWS)
def test_two_windows_on_the_device_and_two_pinned_buffers_are_all_it_takes(device, parts):
    computed(device, 0, parts)
    largest = max((ROWS[part].nbytes for part in parts), default=0)
    for taken in (CUDA.allocated, CUDA.pinned):
        assert taken == [largest] * min(2, len(parts))


def test_the_next_window_is_on_its_way_before_the_first_is_computed(device):
    CUDA.current = stand_in.Stream()
    reader = stream(device, ROWS, WINDOWS["of seven"])
    next(reader)
    copying = CUDA.streams[-1]
    assert [work.__name__ for work, _ in copying.queue].count("copy") == 2
    reader.close()


def test_a_reader_that_stops_early_leaves_nothing_on_the_way(device):
    for seed in SEEDS:
        computed(device, seed, WINDOWS["of one"], stop_after=3)
        assert not any(s.queue for s in CUDA.streams)


def test_a_read_only_file_streams_like_an_array(device, tmp_path):
    np.save(tmp_path / "rows.npy", ROWS)
    file = np.load(tmp_path / "rows.npy", mmap_mode="r")
    for part, window in zip(WINDOWS["of seven"], stream(device, file, WINDOWS["of seven"]), strict=True):
        np.testing.assert_array_equal(window.get(), ROWS[part])


@pytest.mark.parametrize("parts", WINDOWS.values(), ids=WINDOWS)
def test_on_numpy_windows_are_slices_that_copy_nothing(parts):
    for part, window in zip(parts, stream(np, ROWS, parts), strict=True):
        assert window.base is ROWS.base
        np.testing.assert_array_equal(window, ROWS[part])


@pytest.mark.parametrize("rows", [1, 7, 19])
def test_a_large_array_is_copied_whole_through_two_small_buffers(device, monkeypatch, rows):
    monkeypatch.setattr(streaming, "WINDOW_BYTES", rows * ROWS[0].nbytes)
    for seed in SEEDS:
        CUDA.reset(seed)
        np.testing.assert_array_equal(upload(device, ROWS).get(), ROWS)
        assert CUDA.pinned == [rows * ROWS[0].nbytes] * 2
        assert CUDA.allocated == [ROWS.nbytes]


MISTAKES = {
    "a buffer is refilled before it is copied": (stand_in.Event, "synchronize", lambda event: True),
    "a window is read before it is copied": (stand_in.Stream, "wait_event", lambda s: s is CUDA.current),
    "a window is copied over one being read": (stand_in.Stream, "wait_event", lambda s: s is not CUDA.current),
}


@pytest.mark.parametrize(("kind", "step", "forgotten"), MISTAKES.values(), ids=MISTAKES)
def test_a_forgotten_step_gives_wrong_windows_in_some_order(device, monkeypatch, kind, step, forgotten):
    taken = getattr(kind, step)
    monkeypatch.setattr(kind, step, lambda self, *given: None if forgotten(self) else taken(self, *given))
    expected = [ROWS[part] for part in WINDOWS["of one"]]
    assert any(not np.array_equal(computed(device, seed, WINDOWS["of one"]), expected) for seed in SEEDS)


@pytest.mark.gpu
@pytest.mark.parametrize("parts", WINDOWS.values(), ids=WINDOWS)
def test_windows_on_a_gpu_are_those_of_the_array(gpu, parts):
    for part, window in zip(parts, stream(gpu, ROWS, parts), strict=True):
        np.testing.assert_array_equal((window + 0.0).get(), ROWS[part])


@pytest.mark.gpu
def test_a_large_array_is_copied_whole_to_a_gpu(gpu, monkeypatch):
    monkeypatch.setattr(streaming, "WINDOW_BYTES", 7 * ROWS[0].nbytes)
    np.testing.assert_array_equal(upload(gpu, ROWS).get(), ROWS)
