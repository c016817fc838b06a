"""Report: the tables, from the rows of the results; the page docs/canarybench.md is exactly this."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from benchmarks.canarybench import figures
from benchmarks.canarybench.figures import Result, Row, number, of, percent

RELEASES = ("1.5", "2", "5", "10", "all")
OURS = "Lockgate"
KAYENTA = "Kayenta"
ARGO = "Argo, oracle, failureLimit 2"
FLAGGER = "Flagger, success < 99 %, threshold 5"

HEAD = """\
# canarybench

How many requests fail because of a bad release until it is taken back, and how often a good one is taken back. **All of
this is simulated**: traffic is drawn with fixed seeds, and Kayenta, Argo Rollouts and Flagger are written from their
documented behaviour, with published cases as tests; none of them was run. `scripts/bench canarybench` makes the figures
(`benchmarks/results/canarybench.jsonl`) and this page; `--quick` prints the same tables from fewer rollouts.
"""

WORDS = """\
- **Extra failed requests**: those that the release before would not have failed, until the canary is taken back. When
  it is not, all of its hour as a canary and one hour at 100 % count. Means over rollouts; where services are put
  together, geometric means.
- **False alarms**: good releases that are taken back within the hour, over all places with the exact 95 % interval
  (Clopper and Pearson); after the semicolon, the worst place.
- **As shipped**: with its defaults, or the thresholds that its documentation shows. **Tuned**: with the threshold at
  which 1 % of the good releases of that very service would have been taken back, found on rollouts of another seed.
  Nobody has such an oracle; it makes methods comparable.
- **Lockgate** is the product's test of error counts with its defaults (tolerance 1.25, dispersion learnt from two
  hours). *No tolerance* is the bare test against "fails more at all", which is exact and does not know of bursts.
- **Kayenta** judges all points so far, from five on, each minute; the baseline is all of the release before, as for
  everybody, or as many of its requests as the canary has (*equal baseline*, as Spinnaker advises). That it needs five
  points is by itself five times as many failed requests where one look would have been enough.
- Weights follow the same ramp whatever a method thinks; Flagger and Lockgate would hold it while they are suspicious.
"""


def page(rows: Sequence[Row]) -> str:
    """All of it, as Markdown."""
    return "\n".join(_parts(rows)).rstrip() + "\n"


def _parts(rows: Sequence[Row]) -> Iterator[str]:
    yield HEAD
    yield _effort(rows)
    ramp, cells, dense = (figures.results(rows, study) for study in ("ramp", "cells", "dense"))
    yield "## What it comes to\n"
    yield "Geometric means over places, and over releases where several are named: whether a goal is met in the mean,"
    yield "not everywhere.\n"
    yield _goals(ramp, cells, rows)
    yield "## Where Lockgate loses\n"
    places = {"ramp": ("1 min", ramp), "steady weight": ("1 min", cells), "every 10 s": ("10 s", dense)}
    yield from _losses(places, figures.results(rows, "stress"))
    yield "## Words\n"
    yield WORDS
    yield "## The ramp\n"
    yield "1 %, 5 %, 25 %, 50 % of the traffic in an hour; six services: 0.1 % or 1 % of 100, 1 000 or 10 000 requests"
    yield "a second fail. Everybody has the same data, once a minute. Extra failed requests, by how often the release"
    yield "fails:\n"
    yield _table(ramp, "1 min")
    yield "Each as often as it can look (Kayenta's step is a minute, Flagger's shortest interval 10 s):\n"
    yield _table([one for one in ramp if _is_own(one.method)], "")
    yield "## A steady weight\n"
    yield "24 places: p0 0.1 % or 1 %; 1, 5, 10 or 50 % of the traffic; 100, 1 000 or 10 000 requests a second. An"
    yield "hour, once a minute.\n"
    yield _table(cells, "1 min")
    yield "How many times as many failed requests as Lockgate, both tuned to 1 %, with the same data:\n"
    yield _ratios(cells, "1 min")
    yield "Each as often as it can look:\n"
    yield _table([one for one in cells if _is_own(one.method)], "")
    yield "## Everybody every 10 s\n"
    yield f"Twenty minutes at a steady weight, {len({one.cell for one in dense})} places.\n"
    yield _table(dense, "10 s")
    yield _ratios(dense, "10 s")
    yield "## Stress\n"
    yield from _stress(rows)
    yield "## Latency\n"
    yield from _latency(rows)
    yield "## Live, beside its simulation\n"
    yield from _live(rows)
    yield "## What a decision costs\n"
    yield _cpu(rows)
    yield LIMITS


LIMITS = """\
## What this does not show

- Nothing here ran against a live Kayenta, Argo Rollouts or Flagger. Delays of scraping, of queries and of moving
  traffic are left out for all.
- Argo and Flagger with a threshold for a single measurement that somebody has tuned well are as good as anything for
  large regressions; see the rows with an oracle.
- Tuned thresholds come from as many good rollouts as said above, so the share of false alarms behind "1 %" is itself
  only known to some tenths of a per cent.
- The dispersion is learnt from traffic of the same nature as that of the rollout. Where it changes, nothing is
  promised.
"""


def _effort(rows: Sequence[Row]) -> str:
    (run,) = [row for row in rows if row["study"] == "run"]
    return (
        f"This run: {run['good']} good rollouts for tuning and as many for the false alarms, {run['bad']} of each bad\n"
        f"release (every 10 s: {run['dense']} good ones; latency: {run['latency']}); {run['minutes']} minutes of one\n"
        "core.\n"
    )


# --- goals ---


def _goals(ramp: Sequence[Result], cells: Sequence[Result], rows: Sequence[Row]) -> str:
    lines = ["| goal | on the ramp | at a steady weight |", "|---|---|---|"]
    for who, name, least in (
        (KAYENTA, "Kayenta", 3.0),
        (f"{KAYENTA}, equal baseline", "Kayenta with an equal baseline", 3.0),
        (ARGO, "Argo with an oracle and failureLimit 2", 2.0),
    ):
        found = [_against(some, f"{OURS}, 1 min", f"{who}, 1 min", True, RELEASES, least) for some in (ramp, cells)]
        goal = f"same data, both tuned to 1 %: {least:g} times fewer failed requests than {name}"
        lines.append(f"| {goal} | {' | '.join(found)} |")
    for who, tuned, name in (
        (f"{KAYENTA}, 1 min", False, "Kayenta each minute"),
        ("Kayenta, 3 x 20 min, 1 min", False, "Kayenta, 3 x 20 min"),
        (f"{ARGO}, 10 s", True, "Argo each 10 s with an oracle and failureLimit 2"),
        (f"{FLAGGER}, 10 s", False, "Flagger each 10 s, success < 99 %"),
    ):
        found = [_against(some, f"{OURS}, 5 s", who, tuned, ("10",), 10.0, ours_tuned=False) for some in (ramp, cells)]
        lines.append(f"| own cadence, as shipped, 10x: 10 times fewer than {name} | {' | '.join(found)} |")
    lines.append(f"| one core keeps up with 1 000 canaries of six metrics, each 5 s | {_core(rows)} | |")
    return "\n".join(lines) + "\n"


def _against(
    some: Sequence[Result],
    mine: str,
    theirs: str,
    tuned: bool,
    releases: Sequence[str],
    least: float,
    ours_tuned: bool | None = None,
) -> str:
    ours, others = of(some, mine, tuned if ours_tuned is None else ours_tuned), of(some, theirs, tuned)
    found = figures.times(ours, others, releases)
    wins, pairs = figures.better(ours, others, releases)
    said = f"{'met' if found >= least else 'missed'}: {number(found)}x; it was the better one in {wins} of {pairs}"
    if len(releases) == 1:
        return said
    each = ", ".join(f"{_release(one)}: {number(figures.times(ours, others, [one]))}" for one in releases)
    return f"{said} ({each})"


def _core(rows: Sequence[Row]) -> str:
    shares = {float(str(row["rate"])): float(str(row["core_share"])) for row in rows if row["study"] == "cpu"}
    enough = "met" if max(shares.values()) < 1 else "missed" if min(shares.values()) >= 1 else "met in part"
    each = ", ".join(f"{100 * share:.0f} % of a core at {number(rate)} rps" for rate, share in shares.items())
    return f"{enough}: {each}"


# --- tables ---


def _is_own(method: str) -> bool:
    own = ("Lockgate, 5 s", "Lockgate, no tolerance, 5 s", "Kayenta, 1 min", "Kayenta, 3 x 20 min, 1 min")
    return method in own or (not method.startswith((OURS, KAYENTA)) and method.endswith("10 s"))


def _table(some: Sequence[Result], cadence: str) -> str:
    """One line for each method, as shipped and tuned."""
    lines = [
        "| method | | false alarms | " + " | ".join(_release(one) for one in RELEASES) + " | caught at 1.5x, 2x |",
        "|---|---|---|" + "---|" * (len(RELEASES) + 1),
    ]
    names = [one for one in dict.fromkeys(one.method for one in some) if one.endswith(cadence)]
    for tuned in (False, True):
        for name in names:
            if each := of(some, name, tuned):
                failed = " | ".join(number(figures.failed(each, one)) for one in RELEASES)
                caught = ", ".join(percent(figures.caught(each, one)) for one in ("1.5", "2"))
                how = "tuned" if tuned else "as shipped"
                lines.append(f"| {_bold(name)} | {how} | {figures.false_alarms(each)} | {failed} | {caught} |")
    return "\n".join(lines) + "\n"


def _ratios(some: Sequence[Result], cadence: str) -> str:
    ours = of(some, f"{OURS}, {cadence}", True)
    lines = ["| method | " + " | ".join(_release(one) for one in RELEASES) + " | all releases |", "|---|" + "---|" * 6]
    for name in dict.fromkeys(one.method for one in some if one.tuned and one.method.endswith(cadence)):
        each = of(some, name, True)
        cells = [f"{number(figures.times(ours, each, [one]))}x" for one in RELEASES]
        lines.append(f"| {_bold(name)} | {' | '.join(cells)} | {number(figures.times(ours, each, RELEASES))}x |")
    return "\n".join(lines) + "\n"


def _release(name: str) -> str:
    return "100 %" if name == "all" else f"{name}x"


def _bold(method: str) -> str:
    return f"**{method}**" if method in (f"{OURS}, {one}" for one in ("5 s", "10 s", "1 min")) else method


# --- stress, latency, cost ---


HARMLESS = 0.05
"""Share of false alarms up to which a rival's success counts against us: generous, lest a rule hide a loss."""


def _losses(places: Mapping[str, tuple[str, Sequence[Result]]], stressed: Sequence[Result]) -> Iterator[str]:
    """``places``: what they are called -> the cadence that is compared, and the results."""
    yield "Everybody with the same data. As shipped, without whoever has more false alarms than"
    yield f"{percent(HARMLESS)}; tuned, all of them:\n"
    found = [
        line
        for place, (cadence, some) in places.items()
        for tuned in (False, True)
        for line in _lost(place, cadence, some, tuned)
    ]
    yield from found or ["- nothing."]
    yield "\nUnder stress, as shipped, at least five of a hundred more caught:\n"
    found = [line for one in stressed if one.method == f"{OURS}, 5 s" for line in _lost_under_stress(one, stressed)]
    yield from found or ["- nothing."]
    yield ""


def _lost(place: str, cadence: str, some: Sequence[Result], tuned: bool) -> Iterator[str]:
    ours = of(some, f"{OURS}, {cadence}", tuned)
    for name in dict.fromkeys(one.method for one in some if one.tuned == tuned and one.method.endswith(cadence)):
        theirs = of(some, name, tuned)
        alarms = sum(one.good[0] for one in theirs) / sum(one.good[1] for one in theirs)
        if name.startswith(OURS) or (alarms > HARMLESS and not tuned):
            continue
        for release in RELEASES:
            mine, other = figures.failed(ours, release), figures.failed(theirs, release)
            if other < mine:
                how = "tuned" if tuned else f"as shipped, {percent(alarms)} false alarms"
                where = f"{place}, {_release(release)}"
                yield f"- {where}: {name} ({how}) lets {number(other)} requests fail, Lockgate {number(mine)}."


def _lost_under_stress(mine: Result, stressed: Sequence[Result]) -> Iterator[str]:
    name, _, weight = mine.cell.rpartition(" ")
    for one in stressed:
        if one.cell != mine.cell or one.method.startswith(OURS) or one.good[0] > HARMLESS * one.good[1]:
            continue
        for release in ("2", "5"):
            ours, theirs = figures.caught([mine], release), figures.caught([one], release)
            if theirs >= ours + 0.05:
                where = f"{name}, {100 * float(weight):g} %, {_release(release)}"
                yield f"- {where}: {one.method} catches {percent(theirs)}, Lockgate {percent(ours)}."


def _stress(rows: Sequence[Row]) -> Iterator[str]:
    some = figures.results(rows, "stress")
    yield "A service of 20 instances, 1 000 requests a second of which 0.5 % fail; an hour at 5 % (one instance) and at"
    yield "50 % of the traffic. As shipped; the oracle was right for the steady case. Lockgate looks every 5 s, the"
    yield "others once a minute. Above a dispersion of 30 Lockgate does not let counts of errors decide: bursts of 10"
    yield "come near it, those of 30 are far beyond.\n"
    for weight in dict.fromkeys(one.cell.rpartition(" ")[2] for one in some):
        cells = list(dict.fromkeys(one.cell for one in some if one.cell.endswith(f" {weight}")))
        share = f"{100 * float(weight):g} %"
        yield f"False alarms at {share}:\n"
        yield _stressed(some, cells, lambda one: percent(one.good[0] / one.good[1]))
        yield f"Caught at {share} of the traffic, and the median minutes: of 2x; of 5x:\n"
        yield _stressed(some, cells, lambda one: "; ".join(_seen(*one.bad[release]) for release in ("2", "5")))


def _stressed(some: Sequence[Result], cells: Sequence[str], told: Callable[[Result], str]) -> str:
    methods = list(dict.fromkeys(one.method for one in some))
    short = [_bold(one).replace(", 5 s", "").replace(", 1 min", "") for one in methods]
    lines = ["| traffic | " + " | ".join(short) + " |", "|---|" + "---|" * len(methods)]
    for cell in cells:
        each = {one.method: one for one in some if one.cell == cell}
        lines.append(f"| {cell.rpartition(' ')[0]} | " + " | ".join(told(each[one]) for one in methods) + " |")
    return "\n".join(lines) + "\n"


def _seen(runs: int, caught: int, _: float, minutes: float | None) -> str:
    return percent(caught / runs) + (f" @ {number(minutes)}" if minutes is not None else "")


def _latency(rows: Sequence[Row]) -> Iterator[str]:
    some = [row for row in rows if row["study"] == "latency"]
    yield "Log-normal times, median 60 ms, in the default buckets of Prometheus; half an hour. Lockgate is the"
    yield "product's own code with its defaults. How many were taken back, and the median minutes.\n"
    for cell in dict.fromkeys(row["cell"] for row in some):
        methods = list(dict.fromkeys(str(row["method"]) for row in some))
        yield f"{cell}:\n"
        yield "| the canary's times | " + " | ".join(methods) + " |"
        yield "|---|" + "---|" * len(methods)
        for shape in dict.fromkeys(row["shape"] for row in some):
            each = {row["method"]: row for row in some if row["cell"] == cell and row["shape"] == shape}
            yield f"| {shape} | " + " | ".join(_taken_back(each[one]) for one in methods) + " |"
        yield ""


LIVE = """\
Real canaries of the sample application, through Envoy, with errors and delays injected by chance and users at a steady
rate; and the same rollouts simulated with the product's own code. In brackets, where the mean of as many simulated
rollouts lies in 95 of 100 cases.
"""


def _live(rows: Sequence[Row]) -> Iterator[str]:
    some = [row for row in rows if row["study"] == "live"]
    if not some:
        yield "Not run yet: `scripts/bench canarybench --only live`.\n"
        return
    yield LIVE
    yield "| fault | rollouts | requests a second | taken back | failed requests of the canary | windows of 1 s |"
    yield "|---|---|---|---|---|---|"
    for row in some:
        caught = f"{row['caught']} of {row['rollouts']}"
        measures = (_agreed(row[name]) for name in ("failed", "windows"))  # type: ignore[arg-type]
        yield f"| {row['fault']} | {row['rollouts']} | {row['rate']} | {caught} | " + " | ".join(measures) + " |"
    yield ""


def _agreed(one: Mapping[str, float]) -> str:
    verdict = "agrees" if one["agrees"] else "**does not agree**"
    return f"{one['live']} live, {one['simulated']} simulated ({one['least']} to {one['most']}): {verdict}"


def _taken_back(row: Row) -> str:
    minutes = "" if row["minutes"] is None else f" @ {number(float(str(row['minutes'])))}"
    return f"{row['rolled_back']} of {row['runs']}{minutes}"


def _cpu(rows: Sequence[Row]) -> str:
    some = [row for row in rows if row["study"] == "cpu"]
    lines = [
        f"`weigh` and `judge` of one canary with {some[0]['metrics']} metrics: errors, a histogram, two counters, two",
        f"gauges; the median of {some[0]['rounds']} rounds of {some[0]['windows']} windows, and their range. Reading",
        "counters and the database are not in it. Most of it is the exact form for bounds that more than a tenth of",
        "the requests are above, a sum that grows with the traffic, up to where the closed form takes its place.\n",
        f"| requests a second | µs of CPU for a decision | {some[0]['canaries']} canaries, each 5 s | machine's load |",
        "|---|---|---|---|",
    ]
    for row in some:
        least, middle, most = (f"{100 * float(str(row[f'core_share{one}'])):.0f}" for one in ("_least", "", "_most"))
        cells = (
            number(float(str(row["rate"]))),
            row["decision_us"],
            f"{middle} % of a core ({least} to {most})",
            row["load"],
        )
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines) + "\n"
