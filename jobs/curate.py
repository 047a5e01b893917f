"""spark-submit entry point: the whole job, from the raw sources to the report.

spark-submit jobs/curate.py RECIPE [--set key=value ...] [--run-id ID] [--sample X]
"""

from __future__ import annotations

from mixcore.pipeline import job_main

if __name__ == "__main__":
    raise SystemExit(job_main(until=None))
