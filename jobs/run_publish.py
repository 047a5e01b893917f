"""spark-submit entry point: write corpus, validation and dropped, up to `publish`.

spark-submit jobs/run_publish.py RECIPE [--set key=value ...] [--run-id ID] [--sample X]
"""

from __future__ import annotations

from mixcore.pipeline import job_main

if __name__ == "__main__":
    raise SystemExit(job_main(until="publish"))
