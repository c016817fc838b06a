"""Any view at all, whatever its numbers and words: for Hypothesis."""

from hypothesis import strategies as st

from lockgate.messages import AnalysisView, MarkView, PointView, QuantileView, SeriesView, SideView, TermView

NUMBERS = st.one_of(st.floats(), st.floats(-10, 10), st.integers(0, 4000).map(float))

MAYBE = st.none() | NUMBERS

WORDS = st.text(max_size=40)

QUANTILES = st.none() | st.builds(QuantileView, NUMBERS, st.sampled_from(["about", "at most", "more than"]))

SIDES = st.builds(
    SideView, st.integers(0, 10**9), st.integers(0, 10**9), st.integers(0, 10**6), MAYBE, QUANTILES, QUANTILES
)

POINTS = st.builds(
    PointView, NUMBERS, st.integers(0, 5), NUMBERS, SIDES, SIDES, MAYBE, MAYBE, MAYBE, MAYBE, st.just("") | WORDS
)

MARKS = st.builds(MarkView, NUMBERS, st.sampled_from(["stage", "hold", "roll-back", "promote"]), WORDS)

SERIES = st.builds(
    SeriesView,
    st.just(1.79e9),
    st.sampled_from([60.0, 300.0]),
    st.lists(POINTS, max_size=8).map(tuple),
    st.lists(MARKS, max_size=5).map(tuple),
)

TERMS = st.builds(TermView, WORDS, MAYBE, MAYBE, WORDS)

VIEWS = st.builds(
    AnalysisView,
    *(st.just("dep-7"), WORDS, WORDS, WORDS, st.just("sha256:c"), st.just("go-on"), WORDS, WORDS, st.none()),
    terms=st.lists(TERMS, max_size=2).map(tuple),
    series=SERIES,
)
