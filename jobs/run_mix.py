"""spark-submit entry point: choose documents to meet the mix, up to `mix`.

spark-submit jobs/run_mix.py RECIPE [--set key=value ...] [--run-id ID] [--sample X]
"""

from __future__ import annotations

from mixcore.pipeline import job_main

if __name__ == "__main__":
    raise SystemExit(job_main(until="mix"))
