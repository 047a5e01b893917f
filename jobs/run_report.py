"""spark-submit entry point: write the report; as the last stage, the same as curate.py.

spark-submit jobs/run_report.py RECIPE [--set key=value ...] [--run-id ID] [--sample X]
"""

from __future__ import annotations

from mixcore.pipeline import job_main

if __name__ == "__main__":
    raise SystemExit(job_main(until="report"))
