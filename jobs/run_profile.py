"""spark-submit entry point: signals, hashes and token counts of every document, up to `profile`.

spark-submit jobs/run_profile.py RECIPE [--set key=value ...] [--run-id ID] [--sample X]
"""

from __future__ import annotations

from mixcore.pipeline import job_main

if __name__ == "__main__":
    raise SystemExit(job_main(until="profile"))
