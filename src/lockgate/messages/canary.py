"""What is told of canaries."""

from dataclasses import dataclass

from lockgate.core.ids import Instant


@dataclass(frozen=True, slots=True)
class QuantileView:
    """A bound that a share of the requests kept, read from counts in buckets."""

    milliseconds: float
    sure: str = "about"
    """``about``: linear within its bucket; ``at most``: in the last bucket that ends; ``more than``: beyond that."""


@dataclass(frozen=True, slots=True)
class SideView:
    """What one release got: the numbers of the point itself; shares and latencies of ``SeriesView.span`` up to it."""

    requests: int
    errors: int
    instances: int
    """In rotation at the end."""
    error_share: float | None = None
    """0 to 1; null: there were no requests."""
    p50: QuantileView | None = None
    """Half of the requests took no longer; null: none was measured."""
    p99: QuantileView | None = None


@dataclass(frozen=True, slots=True)
class PointView:
    """One look at both releases, or several that follow each other."""

    seconds: float
    """Its end, since the start."""
    stage: int
    """Index of the canary's stage."""
    weight: float
    """Per cent of the traffic that the canary was given."""
    canary: SideView
    baseline: SideView
    against: float | None = None
    """Natural logarithm of the e-value that the canary is worse, at its end; null: not judged."""
    threshold: float | None = None
    """Where it is rolled back."""
    good: float | None = None
    """The same that it is good."""
    needed: float | None = None
    """Where it is promoted."""
    excluded: str = ""
    """Why it is not counted; empty: it is."""


@dataclass(frozen=True, slots=True)
class MarkView:
    """Something to be marked in a picture."""

    seconds: float
    """Since the start."""
    kind: str
    """``stage``, ``hold``, ``roll-back`` or ``promote``."""
    words: str
    """A sentence."""


@dataclass(frozen=True, slots=True)
class SeriesView:
    """The evidence of a canary as it grew."""

    started_at: Instant | None = None
    """Start of the first look; null: there was none yet."""
    span: float = 60.0
    """Seconds that shares and latencies of a point look back over."""
    points: tuple[PointView, ...] = ()
    marks: tuple[MarkView, ...] = ()


@dataclass(frozen=True, slots=True)
class TermView:
    """One metric's part of the evidence, now."""

    metric: str
    against: float | None
    """Natural logarithm of the e-value that the canary is worse."""
    good: float | None
    """The same that it is good; null: it is not asked for promotion."""
    because: str


@dataclass(frozen=True, slots=True)
class StageView:
    """Where on its ramp a canary is."""

    number: int
    """1, 2, 3 ..."""
    of: int
    weight: float
    """Per cent of the traffic."""
    soak: float
    """Seconds that it lasts at least."""
    since: Instant | None
    hold: bool
    """It waits for a person before it goes on."""


@dataclass(frozen=True, slots=True)
class AnalysisView:
    """GET /v1/deployments/{id}/analysis: what users got from a canary and from the release before, and what follows."""

    deployment: str
    component: str
    canary: str
    """Label of the release that is tried."""
    baseline: str
    """Label of the release that it is compared with."""
    config: str
    """Digest of what is tested and how surely: frozen with the plan."""
    advice: str
    """``go-on``, ``roll-back`` or ``promote``."""
    verdict: str
    """What the evidence says, as a sentence."""
    next: str
    """What comes next and when, as a sentence."""
    stage: StageView | None = None
    """Null: it has none yet."""
    terms: tuple[TermView, ...] = ()
    trusted: bool = True
    """False: errors come in such bursts that their count decides nothing."""
    series: SeriesView = SeriesView()


@dataclass(frozen=True, slots=True)
class ReplayView:
    """GET /v1/deployments/{id}/replay: the verdict on a canary once more, from what was stored."""

    deployment: str
    component: str
    config: str
    """Digest of what is tested and how surely."""
    windows: int
    excluded: int
    """Windows that do not count."""
    advice: str
    verdict: str
    against: float
    """Natural logarithm of the e-value that the canary is worse."""
    threshold: float
    decided: int | None
    """Number of the window after which it was decided; null: it was not."""
    agrees: bool
    """The stored windows lead to what was written down, to the last digit."""


@dataclass(frozen=True, slots=True)
class DetectionView:
    """When a canary that fails so many times as often would be noticed."""

    ratio: float | None
    """Null: it fails every request."""
    errors: float | None
    """Of the canary, that count until then; null: not in its time."""
    seconds: float | None
    """From the beginning of its ramp."""
    stage: int | None
    """1, 2, 3 ..."""


@dataclass(frozen=True, slots=True)
class ForecastView:
    """What a component's canary could find out at this traffic, before anybody meets it."""

    component: str
    rate: float | None
    """Requests a second that it reckons with; null: nothing is known of the traffic."""
    errors: float | None
    """Share of them that fails."""
    detections: tuple[DetectionView, ...]
    promotion: float | None
    """Seconds until a good one would be shown to be good; null: not in its time."""
    detects: bool
    """It would notice ten times as many errors before its last step has lasted, or nothing is known."""
    sentences: tuple[str, ...]
