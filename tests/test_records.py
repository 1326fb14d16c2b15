"""Records of arrays are changed field by field, and what is not an array is taken as given."""

from dataclasses import dataclass

import numpy as np

from engine import records


@dataclass(frozen=True, eq=False)
class Levels:
    low: np.ndarray
    high: np.ndarray


@dataclass(frozen=True, eq=False)
class Labelled:
    label: str
    low: np.ndarray


FIRST, SECOND = (Levels(np.arange(3) + add, np.arange(3) + 10 * add) for add in (1, 2))


def test_every_array_is_changed():
    found = records.map_arrays(FIRST, lambda array: array[1:])
    assert found.low.tolist() == [2, 3]
    assert found.high.tolist() == [11, 12]
    assert FIRST.low.tolist() == [1, 2, 3]


def test_records_are_stacked_along_a_new_axis():
    assert records.stack([FIRST, SECOND]).high.tolist() == [[10, 11, 12], [20, 21, 22]]
    assert records.stack([FIRST, SECOND], axis=1).low.tolist() == [[1, 2], [2, 3], [3, 4]]


def test_records_are_concatenated_along_an_axis_they_have():
    assert records.concatenate([FIRST, SECOND]).low.tolist() == [1, 2, 3, 2, 3, 4]
    rows = [records.map_arrays(one, lambda array: array[None]) for one in (FIRST, SECOND)]
    assert records.concatenate(rows, axis=1).low.tolist() == [[1, 2, 3, 2, 3, 4]]


def test_fields_that_are_given_are_not_joined():
    found = records.concatenate([Labelled("a", np.ones(1)), Labelled("b", np.ones(2))], label="both")
    assert found.label == "both"
    assert found.low.shape == (3,)
