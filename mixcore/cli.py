"""The `mixcore` command: the verbs of the recipe, for a person."""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from mixcore import __version__
from mixcore.recipe.loader import LoadedRecipe, load_recipe
from mixcore.runtime.errors import MixcoreError

app = typer.Typer(
    help="Curate and mix LLM pretraining data to exact ratios.\n\n"
    "Example: mixcore run conf/recipes/quickstart.yaml",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Recipe = Annotated[Path, typer.Argument(help="The recipe, a YAML file.", show_default=False)]
Master = Annotated[
    str | None, typer.Option(help="Spark master.", show_default="local[*] outside spark-submit")
]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override one key; repeatable."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print machine-readable output.")]
JarsDir = Annotated[
    Path | None, typer.Option(help="Directory with the Delta jars; no network is used then.")
]
RunId = Annotated[str | None, typer.Option(help="The scheduler's label for this run.")]
Sample = Annotated[
    float | None, typer.Option(help="Run on this share of the documents, e.g. 0.01.")
]


def _load(recipe: Path, overrides: list[str] | None) -> LoadedRecipe:
    """The recipe, with its warnings on stderr."""
    loaded = load_recipe(recipe, overrides or [])
    for warning in loaded.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    return loaded


def _run(
    recipe: Path,
    until: str,
    master: str | None,
    overrides: list[str] | None,
    jars_dir: Path | None,
    run_id: str | None,
    sample: float | None,
    *,
    as_json: bool,
) -> None:
    from mixcore.pipeline import execute, open_run, summary
    from mixcore.runtime.progress import Progress, configure_logging
    from mixcore.runtime.session import build_session

    progress = Progress()
    if not progress.console.is_terminal:
        configure_logging()
    loaded = _load(recipe, overrides)
    with progress.stage("spark"):
        spark = build_session(f"mixcore {loaded.recipe.name}", master=master, jars_dir=jars_dir)
    run = open_run(loaded, spark, progress, run_id=run_id, sample=sample)
    outcome = execute(run, until)
    rows = summary(run) if until in {"mix", "publish", "report"} else []
    if as_json:
        print(json.dumps({
            "run_id": outcome.run_id, "status": outcome.status, "stages": dict(outcome.stages),
            "seconds": round(outcome.seconds, 1), "report": outcome.report, "mix": rows,
        }))  # fmt: skip
        return
    console = Console()
    if rows:
        console.print(_mix_table(rows, loaded.recipe.tokens.tokenizer))
    done = ", ".join(s for s, status in outcome.stages.items() if status == "done")
    console.print(f"{outcome.seconds:.1f} s; computed: {done or 'nothing, all was there already'}")
    if outcome.report:
        console.print("report: " + outcome.report, soft_wrap=True, highlight=False)


def _mix_table(rows: list[dict[str, Any]], tokenizer: str) -> Table:
    table = Table(title=f"mix, in tokens ({tokenizer})", title_justify="left")
    table.add_column("domain")
    if len({row["phase"] for row in rows}) > 1:
        table.add_column("phase")
    for name in ("available", "target", "achieved", "off by", "share", "epochs"):
        table.add_column(name, justify="right")
    for row in rows:
        cells = [row["domain"]]
        if len(table.columns) == 8:
            cells.append(row["phase"])
        available, achieved = row["available"] or 0, row["achieved"] or 0
        cells += [
            f"{available:,}", f"{row['target']:,}", f"{achieved:,}",
            f"{achieved - row['target']:+,}", f"{row['share']:.2%}",
            f"{achieved / available:.3f}" if available else "-",
        ]  # fmt: skip
        table.add_row(*cells)
    return table


@app.command()
def check(recipe: Recipe, overrides: Overrides = None, as_json: AsJson = False) -> None:
    """Print the resolved recipe: defaults, gates, shares. Reads no data."""
    from mixcore.recipe.show import check_data, render_check

    loaded = _load(recipe, overrides)
    if as_json:
        print(json.dumps(check_data(loaded)))
    else:
        print(render_check(loaded), end="")  # YAML: rich would wrap it and read `[..]` as markup


@app.command()
def schema() -> None:
    """Print the recipe's JSON Schema, for editors."""
    from mixcore.recipe.schema import json_schema

    print(json.dumps(json_schema(), indent=1))


@app.command()
def run(
    recipe: Recipe,
    sample: Sample = None,
    master: Master = None,
    overrides: Overrides = None,
    jars_dir: JarsDir = None,
    run_id: RunId = None,
    as_json: AsJson = False,
) -> None:
    """Run all stages; only what is missing is computed."""
    _run(recipe, "report", master, overrides, jars_dir, run_id, sample, as_json=as_json)


def _stage_verb(verb: str, until: str, does: str) -> None:
    """Register the verb of one stage: it runs whatever is missing up to that stage."""

    def command(
        recipe: Recipe,
        sample: Sample = None,
        master: Master = None,
        overrides: Overrides = None,
        jars_dir: JarsDir = None,
        run_id: RunId = None,
        as_json: AsJson = False,
    ) -> None:
        _run(recipe, until, master, overrides, jars_dir, run_id, sample, as_json=as_json)

    command.__doc__ = f"{does} Runs what is missing before it, too."
    app.command(name=verb)(command)


for _verb, _until, _does in (
    ("ingest", "ingest", "Take in raw files and tables."),
    ("profile", "profile", "Compute signals, token counts and signatures: the one pass over text."),
    ("score", "score", "Judge documents: gates, score, buckets."),
    ("dedup", "resolve", "Find verified duplicates and choose survivors (match and resolve)."),
    ("mix", "mix", "Choose documents to the target mixture."),
    ("publish", "publish", "Write corpus, validation and dropped."),
    ("report", "report", "Write the report (and whatever is missing before it)."),
):
    _stage_verb(_verb, _until, _does)


@app.command()
def explain(
    recipe: Recipe,
    doc_id: Annotated[str, typer.Argument(help="doc_id, native id, or SOURCE:NATIVE_ID.")],
    master: Master = None,
    overrides: Overrides = None,
    jars_dir: JarsDir = None,
    sample: Sample = None,
    as_json: AsJson = False,
) -> None:
    """Tell one document's whole story: where it came from, what was decided and why."""
    from mixcore.pipeline import open_run
    from mixcore.report.explain import explain as explain_document
    from mixcore.report.explain import render_explain
    from mixcore.runtime.progress import Progress
    from mixcore.runtime.session import build_session

    loaded = _load(recipe, overrides)
    spark = build_session("mixcore explain", master=master, jars_dir=jars_dir)
    story = explain_document(open_run(loaded, spark, Progress(), sample=sample), doc_id)
    if as_json:
        print(json.dumps(story, default=str))
    else:
        Console().print(render_explain(story))


@app.command()
def verify(
    recipe: Recipe,
    master: Master = None,
    overrides: Overrides = None,
    jars_dir: JarsDir = None,
    sample: Sample = None,
    as_json: AsJson = False,
) -> None:
    """Count the published tables again; exit 3: off target or damaged."""
    from mixcore.pipeline import open_run
    from mixcore.report.verify import require
    from mixcore.report.verify import verify as verify_output
    from mixcore.runtime.progress import Progress
    from mixcore.runtime.session import build_session

    loaded = _load(recipe, overrides)
    spark = build_session("mixcore verify", master=master, jars_dir=jars_dir)
    run = open_run(loaded, spark, Progress(), sample=sample)
    checks = verify_output(run)
    if as_json:
        print(json.dumps([{"check": c.name, "ok": c.is_ok, "detail": c.detail,
                           "faults": list(c.faults)} for c in checks]))  # fmt: skip
    else:
        for check in checks:
            print(f"{'ok' if check.is_ok else 'FAILED':<6}  {check.name}: {check.detail}")
    require(checks, run.output.path)


Mixture = Annotated[str, typer.Argument(help="An output directory or its recipe.")]


@app.command()
def diff(
    a: Mixture,
    b: Mixture,
    master: Master = None,
    jars_dir: JarsDir = None,
    as_json: AsJson = False,
) -> None:
    """What changed from mixture A to B: tokens and documents by domain."""
    from mixcore.report.compare import compare, diff_table
    from mixcore.runtime.session import build_session

    spark = build_session("mixcore diff", master=master, jars_dir=jars_dir)
    found = compare(spark, a, b)
    if as_json:
        print(json.dumps(found))
    else:
        Console(highlight=False).print(diff_table(found))


# ---- mixtures from proxy runs -----------------------------------------------------------------

Sizes = Annotated[
    Path,
    typer.Argument(help="Size of each domain: CSV, YAML, JSON or a run's report.json.",
                   show_default=False),
]  # fmt: skip
Minimum = Annotated[
    list[str] | None,
    typer.Option("--min", metavar="DOMAIN=SHARE", help="Least share of a domain; repeatable."),
]
Maximum = Annotated[
    list[str] | None,
    typer.Option("--max", metavar="DOMAIN=SHARE", help="Largest share of a domain; repeatable."),
]
Seed = Annotated[int, typer.Option(help="Of every random choice.")]


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


@app.command()
def swarm(
    sizes: Sizes,
    out: Annotated[Path, typer.Option(help="The ratios, CSV.")] = Path("ratios.csv"),
    runs: Annotated[int, typer.Option(help="Mixtures to draw.")] = 128,
    seed: Seed = 42,
    minimum: Minimum = None,
    maximum: Maximum = None,
    max_usage: Annotated[
        float, typer.Option(help="No domain above this many times its natural share.")
    ] = 15.0,
    temperature: Annotated[
        float, typer.Option(help="Flattens the natural mixture: 1 as it is, 2 its square root.")
    ] = 2.0,
    as_json: AsJson = False,
) -> None:
    """Draw mixtures to train small models on, by RegMix's rules."""
    from mixcore.fitting.sizes import read_pairs, read_sizes
    from mixcore.fitting.swarm import SwarmPlan, draw_swarm

    drawn = draw_swarm(
        SwarmPlan(
            read_sizes(sizes), runs, seed, temperature, max_usage,
            read_pairs(minimum or [], "--min"), read_pairs(maximum or [], "--max"),
        )
    )  # fmt: skip
    _write(out, drawn.to_csv())
    for warning in drawn.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    if as_json:
        print(json.dumps({"out": str(out), "runs": runs, "domains": list(drawn.domains),
                          "seed": seed, "warnings": list(drawn.warnings)}))  # fmt: skip
    else:
        print(f"{out}: {runs} mixtures of {len(drawn.domains)} domains, seed {seed}")


@app.command()
def fit(
    ratios: Annotated[Path, typer.Argument(help="CSV: run, a column a domain.")],
    metrics: Annotated[Path, typer.Argument(help="CSV: run, a column a loss.")],
    sizes: Annotated[Path | None, typer.Option(help="Size of each domain, as for `swarm`.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="Where the recipe fragment goes; default: printed.")
    ] = None,
    target: Annotated[
        list[str] | None,
        typer.Option(metavar="METRIC[=WEIGHT]", help="What to lower; default: all alike."),
    ] = None,
    extends: Annotated[
        str | None, typer.Option(help="A recipe that the fragment is laid over.")
    ] = None,
    budget: Annotated[
        str | None, typer.Option(help="Tokens planned, e.g. 2e9: caps repeats.")
    ] = None,
    max_epochs: Annotated[float, typer.Option(help="Repeats allowed at that budget.")] = 4.0,
    minimum: Minimum = None,
    maximum: Maximum = None,
    kl: Annotated[float, typer.Option(help="Pull towards the natural mixture.")] = 0.05,
    method: Annotated[str, typer.Option(help="loglinear, or lightgbm (an extra).")] = "loglinear",
    bootstrap: Annotated[int, typer.Option(help="Resamples for the intervals; 0: none.")] = 100,
    tokenizer: Annotated[str | None, typer.Option(help="Of the runs; noted.")] = None,
    proxy: Annotated[str | None, typer.Option(help="The runs' models; noted.")] = None,
    date: Annotated[
        str | None, typer.Option(help="Noted with the weights.", show_default="today")
    ] = None,
    seed: Seed = 42,
    as_json: AsJson = False,
) -> None:
    """Weights from small training runs, as a piece of a recipe."""
    # Small matrices: threads only wait for each other, and sums depend on their number.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from mixcore.fitting.fit import fit_mixture
    from mixcore.fitting.fragment import fragment, provenance
    from mixcore.fitting.plan import fit_plan
    from mixcore.fitting.runs import read_runs
    from mixcore.fitting.show import domain_table, fit_data, verdict
    from mixcore.fitting.sizes import read_pairs, read_sizes

    plan = fit_plan(
        target=read_pairs(target or [], "--target"),
        sizes=None if sizes is None else read_sizes(sizes), budget=budget, max_epochs=max_epochs,
        minimum=read_pairs(minimum or [], "--min"), maximum=read_pairs(maximum or [], "--max"),
        kl=kl, method=method, n_bootstrap=bootstrap, seed=seed,
    )  # fmt: skip
    found = fit_mixture(read_runs(ratios, metrics), plan)
    today = datetime.now(UTC).date().isoformat()
    origin = provenance(found, date=date or today, tokenizer=tokenizer, proxy=proxy)
    text = fragment(found, origin, extends)
    for warning in found.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    if out is not None:
        _write(out, text)
    if as_json:
        print(json.dumps({**fit_data(found, origin), "out": None if out is None else str(out)}))
    elif out is None:
        print(text, end="")
    else:
        console = Console(highlight=False)
        console.print(domain_table(found))
        for line in verdict(found):
            console.print(line, soft_wrap=True, markup=False)
        console.print(f"recipe fragment: {out}", soft_wrap=True)


def _version(value: bool) -> None:
    if value:
        print(__version__)
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    del version


def main() -> None:
    """Run the command; exit codes as in the README."""
    try:
        app(standalone_mode=False)
    except typer.Exit as leave:
        sys.exit(leave.exit_code)
    except MixcoreError as error:
        print(f"mixcore: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:  # noqa: BLE001 - every error becomes an exit code
        show = getattr(error, "show", None)
        if callable(show):  # a usage error of click, which typer carries under a private name
            show()
            sys.exit(2)
        from mixcore.pipeline import report_error

        sys.exit(report_error(error))


if __name__ == "__main__":
    main()
