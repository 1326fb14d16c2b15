"""What is made of an object, made once: the jobs of a sweep share most of what is asked of them."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

Made = TypeVar("Made")


class Once(Generic[Made]):
    """A function that is called once for each object; equal ones are not looked for, which would take reading them.

    Parameters
    ----------
    make : callable
        Of one object, which must not be changed afterwards.

    Examples
    --------
    >>> shared = {"enter": 1.0}
    >>> as_text = Once(repr)
    >>> as_text(shared) is as_text(shared), as_text(shared) is as_text({"enter": 1.0})
    (True, False)
    """

    def __init__(self, make: Callable[[Any], Made]):
        self._make = make
        self._made: dict[int, tuple[Any, Made]] = {}

    def __call__(self, item: Any) -> Made:
        found = self._made.get(id(item))
        if found is None:  # the object is kept with it, so that no other can have its number
            found = self._made[id(item)] = item, self._make(item)
        return found[1]
