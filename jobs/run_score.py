"""spark-submit entry point: gates and scores, up to `score`.

spark-submit jobs/run_score.py RECIPE [--set key=value ...] [--run-id ID] [--sample X]
"""

from __future__ import annotations

from mixcore.pipeline import job_main

if __name__ == "__main__":
    raise SystemExit(job_main(until="score"))
