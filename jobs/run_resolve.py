"""spark-submit entry point: who survives among duplicates, up to `resolve`.

spark-submit jobs/run_resolve.py RECIPE [--set key=value ...] [--run-id ID] [--sample X]
"""

from __future__ import annotations

from mixcore.pipeline import job_main

if __name__ == "__main__":
    raise SystemExit(job_main(until="resolve"))
