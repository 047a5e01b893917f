"""Spark work side by side: the driver plans one query while the executors run another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from pyspark import inheritable_thread_target

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_Result = TypeVar("_Result")


def side_by_side(spark: SparkSession, work: Sequence[Callable[[], _Result]]) -> list[_Result]:
    """Run every piece of work, each in a thread of its own, and return the results in order.

    Spark's properties of this thread (job group, scheduler pool) go with the work. All of it ends
    before this returns; if any of it raised, the error of the first in order is raised.
    """
    if len(work) == 1:
        return [work[0]()]
    with ThreadPoolExecutor(len(work)) as threads:
        # The wrapper must be made here: it takes this thread's properties.
        running = [threads.submit(inheritable_thread_target(spark)(piece)) for piece in work]
    return [done.result() for done in running]
