"""Which assumed inputs decide: the designs on functions whose answer is known, and the spending of a budget."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import sim
from sim import plots, sensitivity, workers
from sim.comparison import Estimate
from sim.errors import BadInput
from sim.influence import Influence, Sensitivity
from sim.measures import MEASURES, Summary, Values
from sim.report import sensitivity as report
from sim.statistics.design import Effect, Share, screen, screening, shares, sharing
from tests.test_plots import title, unreadable, words

STORY = sim.load(Path(__file__).parent.parent / "scenarios" / "sbs_2003.toml")


# The designs.


def ishigami(x: np.ndarray) -> np.ndarray:
    """sin a + 7 sin^2 b + 0.1 c^4 sin a on [-pi, pi]^3: the usual test (Ishigami and Homma 1990)."""
    a, b, c = (math.pi * (2 * x[:, n] - 1) for n in range(3))
    return np.sin(a) + 7 * np.sin(b) ** 2 + 0.1 * c**4 * np.sin(a)


def test_the_shares_of_a_known_function_come_out():
    # by integration: variance 1/2 + 49/8 + 0.1 pi^4/5 + 0.01 pi^8/18 = 13.845; alone (1 + 0.1 pi^4/5)^2 / 2 = 4.346, 49/8 = 6.125, 0;
    # with interactions the first and the third have 0.01 pi^8 (1/18 - 1/50) = 3.374 more. 0.04: the estimators' error at 2,048 samples
    found = shares(3, ishigami(sharing(3, 2048, 1)), 1)
    assert [s.first for s in found] == pytest.approx([0.314, 0.442, 0.0], abs=0.04)
    assert [s.total for s in found] == pytest.approx([0.558, 0.442, 0.244], abs=0.04)
    for s, first, total in zip(found, (0.314, 0.442, 0.0), (0.558, 0.442, 0.244), strict=True):
        assert abs(s.first - first) <= 2 * s.first_half
        assert abs(s.total - total) <= 2 * s.total_half


def test_a_wrong_pairing_of_points_and_results_does_not_give_them():
    results = ishigami(sharing(3, 2048, 1))
    mixed = shares(3, results[np.random.default_rng(1).permutation(len(results))], 1)
    assert [s.total for s in mixed] != pytest.approx([0.558, 0.442, 0.244], abs=0.04)


def test_a_screening_finds_the_slopes_of_a_plane_exactly_and_no_spread():
    points = screening(4, 10, 1)
    effects = screen(points, points @ np.array([3.0, -2.0, 0.0, 0.5]), 1)
    assert [e.mean for e in effects] == pytest.approx([3.0, 2.0, 0.0, 0.5])
    assert [e.spread for e in effects] == pytest.approx([0.0] * 4, abs=1e-12)


def test_a_screening_does_not_overlook_an_input_whose_effect_changes_sign():
    points = screening(2, 20, 1)
    effects = screen(points, np.abs(points[:, 0] - 0.5) + 0.01 * points[:, 1], 1)  # rises as often as it falls
    assert effects[0].mean > 10 * effects[1].mean


def test_results_that_do_not_vary_have_no_shares():
    assert all(math.isnan(s.total) for s in shares(3, np.ones(16 * 5), 1))
    with pytest.raises(ValueError, match="power of two"):
        sharing(3, 100, 1)


# Weighing, on a model of which the answer is known.


def model(task: workers.Task) -> dict[str, Summary]:
    """Strangers: 100 x the share of strangers, 200 x that of spammers, and a die of the replication between 0 and 10."""
    addresses = task.scenario.document.spam.addresses
    assert addresses.stranger is not None
    assert addresses.spammer is not None
    die = 10 * np.random.default_rng(task.replication).random()
    told = 100 * addresses.stranger + 200 * addresses.spammer + die
    values = Values(dict.fromkeys(MEASURES, 0.0) | {"strangers_told": told, "drained_after": math.nan})
    return {name: Summary(values, {}, math.nan, {}) for name in task.policies}


@pytest.fixture
def played(monkeypatch):
    """Every task that is played on the model instead."""
    tasks: list[workers.Task] = []

    def play(task: workers.Task) -> dict[str, Summary]:
        tasks.append(task)
        return model(task)

    monkeypatch.setattr(workers, "play", play)
    return tasks


def test_inputs_that_matter_are_weighed_and_all_others_are_ruled_out(played):
    found = sensitivity.weigh(STORY, measure="strangers_told", jobs=1)
    # over their bands of 55 % and 18 % the two move 55 and 36; the die is even over 10
    assert [item.input.key for item in found.matter] == ["spam.addresses.stranger", "spam.addresses.spammer"]
    assert len(found.ruled_out) == len(STORY.assumed()) - 2
    assert found.chance_share is not None
    # 50 % to 20 % and to 75 %; 10 % to 0 % and to 18 %. In pairs chance does not matter.
    for item, low, high in zip(found.matter, (-30.0, -20.0), (25.0, 16.0), strict=True):
        assert item.low is not None
        assert item.high is not None
        assert (item.low.mean, item.high.mean) == pytest.approx((low, high))
        assert item.low.half_width == pytest.approx(0.0, abs=1e-9)
    # a sum: each explains its own variance, a twelfth of the square of its range, and nothing more; tolerance twice that of Ishigami's
    # function, with an eighth of its samples
    squares = [55.0**2, 36.0**2, 10.0**2]
    expected = [square / sum(squares) for square in squares]
    listed = [*(item.share for item in found.matter), found.chance_share]
    assert [s.first for s in listed if s is not None] == pytest.approx(expected, abs=0.08)
    assert [s.total for s in listed if s is not None] == pytest.approx(expected, abs=0.08)
    assert found.runs == len(played) <= found.budget
    assert found.samples == 256  # (2,000 - screening 500 at most - ends 10 x 5) / 5 = 290 or more: the power of two below


def test_the_effect_of_an_input_with_two_values_is_the_difference_between_them(monkeypatch):
    def play(task: workers.Task) -> dict[str, Summary]:
        told = 60.0 if task.scenario.document.replies.ignore_precedence else 0.0
        return {name: Summary(Values(dict.fromkeys(MEASURES, 0.0) | {"strangers_told": told}), {}, math.nan, {}) for name in task.policies}

    monkeypatch.setattr(workers, "play", play)
    least = 4 * (len(STORY.assumed()) + 2) + 170
    (item,) = sensitivity.weigh(STORY, measure="strangers_told", budget=least, jobs=1).matter
    assert item.input.key == "replies.ignore_precedence"
    assert item.effect.mean == pytest.approx(60.0)
    assert item.swing == pytest.approx(60.0)


def test_a_small_budget_gives_fewer_samples_and_where_nothing_matters_none(played):
    least = 4 * (len(STORY.assumed()) + 2) + 170  # four trajectories, and the ends of eight bands and the middle, ten times each
    found = sensitivity.weigh(STORY, measure="strangers_told", budget=least, jobs=1)
    assert found.samples == 16  # (170 - 50) / 5 = 24
    less = STORY.with_settings({"spam.addresses.stranger": "50 %", "spam.addresses.spammer": "10 %"})  # now facts of the site
    still = sensitivity.weigh(less, measure="strangers_told", budget=least, jobs=1)
    assert (still.matter, still.samples, still.chance_share) == ((), 0, None)
    assert still.headline() == "No assumed input moves strangers_told under external"


def test_a_point_that_adds_up_to_more_than_100_percent_is_pulled_and_counted(played):
    # high ends: full 10 + stranger 75 + spammer 18 + trap 2 = 105 %
    keys = [f"spam.addresses.{name}" for name in ("full", "stranger", "spammer", "trap")]
    inputs = {item.key: item for item in STORY.assumed()}
    ways = [sensitivity._way(inputs[key]) for key in keys]
    pool = workers.Pool(None, lambda what, done, total: None)
    trial = sensitivity._Trial(STORY, "external", "strangers_told", 1, pool)
    trial.play("x", ways, np.array([[1.0, 1.0, 1.0, 1.0], [0.5, 0.5, 0.5, 0.5]]), [0, 1])
    assert trial.pulled == 1
    first, second = (task.scenario.document.spam.addresses for task in played)
    assert first.full + first.stranger + first.spammer + first.trap <= 1.0 + 1e-9
    # pulled by a tenth: 9.5, 72.25, 17.1, 1.9 % make 100.75; by two tenths 9, 69.5, 16.2, 1.8 % make 96.5
    assert first.stranger == pytest.approx(0.695)
    assert second.stranger == pytest.approx(0.475)


def test_a_plan_says_before_the_first_run_what_the_budget_is_spent_on():
    inputs, intended = len(STORY.assumed()), sensitivity.plan(STORY, 2000)
    assert intended.screening == 500 // (inputs + 2) * (inputs + 2)  # a quarter of the budget, in whole trajectories
    assert f"At most 2,000 runs: {intended.screening} screen {inputs} assumed inputs" in str(intended)
    for matter in range(1, 9):
        samples = intended.samples(matter)
        assert samples & (samples - 1) == 0
        assert intended.screening + 10 * (2 * matter + 1) + samples * (matter + 3) <= 2000
    with pytest.raises(BadInput, match=f"10 is not between {4 * (inputs + 2) + 170} and"):
        sensitivity.plan(STORY, 10)


def test_a_measure_without_a_value_is_refused(played):
    with pytest.raises(BadInput, match="no value in some of the runs"):
        sensitivity.weigh(STORY, measure="drained_after", jobs=1)
    with pytest.raises(BadInput, match="did you mean"):
        sensitivity.weigh(STORY, measure="stranger_told", jobs=1)


def test_the_result_does_not_depend_on_the_number_of_jobs(tmp_path):
    file = tmp_path / "tiny.toml"
    file.write_text(
        'title = "Tiny"\ndays = 0.25\n[server]\npolicy = "external"\n[office]\nmailboxes = 1\npeople = ["ann"]\n'
        '[spam]\nrate = "40/mailbox/day"\n[wanted]\ncorrespondents = 2\npartners = 1\n[[absence]]\nwho = "ann"\n'
    )
    one, two = (sensitivity.weigh(sim.load(file), measure="autoreplies", budget=350, jobs=jobs) for jobs in (1, 2))
    assert repr(report.document(one)) == repr(report.document(two))


# Words and chart.


def weighed(kind: str) -> Sensitivity:
    """Findings at the edge of what can come, without runs."""
    inputs = STORY.assumed()
    count = {"nothing matters": 0, "one": 1}.get(kind, 8)
    scale = {"large": 1e6, "zeros": 0.0}.get(kind, 1.0)
    half = math.nan if kind == "no intervals" else 0.8 * scale

    def influence(n: int) -> Influence:
        low, high = -(9 - n) * scale, (6 - n) * scale
        if kind == "on one side":
            low, high = (9 - n) * scale, (12 - n) * scale
        share = None if kind == "no shares" else Share(*[math.nan] * 4) if kind == "no variance" else Share(0.3, 0.1, 0.7 / (n + 1), 0.1)
        return Influence(inputs[-1 - n], Effect(9.0, 1.0, 2.0), Estimate(low, half, 10), Estimate(high, half, 10), share)

    rest = tuple(Influence(item, Effect(0.1 * (n % 2), 0.0, 0.0)) for n, item in enumerate(inputs[: len(inputs) - count]))
    chance = None if kind in ("no shares", "nothing matters") else Share(0.2, 0.1, 0.3, 0.1)
    base = Estimate(-20.0 * scale, half, 10)
    matter = tuple(influence(n) for n in range(count))
    samples = 0 if chance is None else 64
    return Sensitivity(
        STORY, "margin", "external", 1, "0.1.0", 10, base, matter, rest, Effect(5.0, 1.0, 2.0), chance, 16, samples, 1900, 2000, 3
    )


KINDS = ("usual", "nothing matters", "one", "large", "zeros", "no intervals", "no shares", "no variance", "on one side")


@pytest.mark.parametrize("kind", KINDS)
def test_every_label_of_the_tornado_can_be_read(kind):
    assert unreadable(plots.tornado(weighed(kind))) == []


def test_where_chance_decides_more_than_any_input_the_headline_says_so():
    found = replace(weighed("usual"), chance_share=Share(0.2, 0.1, 0.8, 0.1))
    assert found.headline().startswith("Chance decides more of margin under external than any assumed input; of these")


def test_the_tornado_says_what_decides_and_shows_the_ends_of_the_bands():
    figure = plots.tornado(weighed("usual"))
    first = weighed("usual").matter[0].input
    assert title(figure) == f"{first.key} decides most of margin under external: 70 % of its variance"
    said = words(figure)
    assert "chance: another run" in said
    assert f"{len(STORY.assumed()) - 8} assumed inputs were ruled out" in said
    assert plots.svg(figure) == plots.svg(plots.tornado(weighed("usual")))


@pytest.mark.parametrize("kind", KINDS)
def test_the_words_name_every_assumed_input_once(kind):
    found = weighed(kind)
    said = report.text(found, "the plan", "the command")
    for item in STORY.assumed():
        assert said.count(item.key) >= 1
    assert said.endswith("the command")
    assert len(report.rows(found)) == 1 + len(STORY.assumed())
    assert len(report.document(found)["inputs"]) == len(STORY.assumed())
