"""spark-submit entry point: read the sources into `documents` and `quarantine`.

spark-submit jobs/run_ingest.py RECIPE [--set key=value ...] [--run-id ID] [--sample X]
"""

from __future__ import annotations

from mixcore.pipeline import job_main

if __name__ == "__main__":
    raise SystemExit(job_main(until="ingest"))
