from dataclasses import replace

import pytest

from service.evidence import evidence_of
from tests.making import alike_by_first_word, never, of


def test_numbers_that_differ_are_laid_side_by_side_by_size() -> None:
    answers = [
        of(1, "The mean was 6 days.", "6 days"),
        of(2, "The mean was 72 hours.", "72 hours"),
        of(3, "The mean was 5 days (95% CI, 4 to 7 days).", "5 days"),
        of(4, "It was 12%.", "12%"),
    ]
    (spread,) = evidence_of(answers, never).spreads
    assert (spread.kind, spread.least, spread.greatest) == ("time", "72 hours", "6 days")
    places = [(p.group.label, p.low, p.high, p.interval) for p in spread.points]
    assert places == [  # on a scale from 3 to 7 days, where the interval ends
        ("72 hours", 0.0, 0.0, None),
        ("5 days", 50.0, 50.0, (25.0, 100.0)),
        ("6 days", 75.0, 75.0, None),
    ]


def test_of_a_paper_that_gives_two_numbers_the_better_one_is_laid_out() -> None:
    first = of(1, "It was 5 days.", "5 days")
    second = replace(of(9, "At most 14 days.", "14 days"), paper=first.paper)
    assert not evidence_of([first, second], never)
    (spread,) = evidence_of([first, second, of(2, "It was 6 days.", "6 days")], never).spreads
    assert [point.group.label for point in spread.points] == ["5 days", "6 days"]


@pytest.mark.parametrize("setting", ["mice", "Vero cells"])
def test_what_is_so_in_animals_or_cells_is_not_put_with_what_is_so_in_people(setting: str) -> None:
    answers = [
        of(1, "Masks protect wards.", "protect wards"),
        of(2, f"Masks of {setting} protect wards.", "protect wards"),
        of(3, "It was 5 days.", "5 days"),
        of(4, f"In {setting} it was 5 days.", "5 days"),
        of(5, f"In {setting} it was 9 days.", "9 days"),
        of(6, f"In {setting} it was 120 hours.", "120 hours"),
    ]
    found = evidence_of(answers, alike_by_first_word)
    (group,) = found.agreeing
    assert [answer.passage.id for answer in group.answers] == [4, 6]
    assert group.marks == ("Animals" if setting == "mice" else "Laboratory",)
    (spread,) = found.spreads  # the only number of people differs from none
    assert (spread.setting, [p.group.label for p in spread.points]) == (
        group.marks,
        ["5 days", "9 days"],
    )
    both = evidence_of([*answers, of(7, "It was 7 days.", "7 days")], alike_by_first_word).spreads
    assert [one.setting for one in both] == [(), group.marks]
    assert (both[0].least, both[0].greatest) == ("5 days", "7 days")


def test_heat_in_degrees_fahrenheit_stands_among_degrees_celsius() -> None:
    answers = [
        of(1, "It was 37 °C.", "37 °C"),
        of(2, "It was 98.6 °F.", "98.6 °F"),
        of(3, "It was 104 °F.", "104 °F"),
        of(4, "It was 38.5 °C.", "38.5 °C"),
    ]
    found = evidence_of(answers, never)
    (group,) = found.agreeing
    assert [answer.passage.id for answer in group.answers] == [1, 2]
    assert [(p.group.label, p.low) for p in found.spreads[0].points] == [
        ("37 °C", 0.0),
        ("38.5 °C", 50.0),
        ("104 °F", 100.0),
    ]


def test_a_number_that_is_denied_or_a_bound_is_another_one() -> None:
    answers = [
        of(1, "The quarantine is 14 days.", "14 days"),
        of(2, "The quarantine is not 14 days.", "14 days"),
        of(3, "The quarantine is less than 14 days.", "14 days"),
    ]
    found = evidence_of(answers, never)
    assert not found.agreeing
    assert not found.spreads  # it is the same number, at one place of a scale
    more = evidence_of([*answers, of(4, "It is less than 20 days.", "20 days")], never).spreads[0]
    assert (more.least, more.greatest) == ("14 days", "<20 days")
    assert [point.group.label for point in more.points][-1] == "<20 days"


@pytest.mark.parametrize(
    ("question", "sentence", "kind"),
    [
        ("What is the median age of COVID-19 patients?", "It was {} years.", "age"),
        ("Who were they?", "They were aged {} years.", "age"),
        ("How long do antibodies last?", "They last {} years.", "time"),
        ("How old were they?", "They were {} months.", "time"),
    ],
)
def test_ages_are_called_so(question: str, sentence: str, kind: str) -> None:
    answers = [of(n, sentence.format(n), sentence.format(n)[-9:-1]) for n in (36, 63)]
    stays = [of(n, f"They stayed for {n} days.", f"{n} days") for n in (4, 5)]
    spreads = evidence_of([*answers, *stays], never, question).spreads
    assert {p.group.label.split()[0]: s.kind for s in spreads for p in s.points} == {
        **dict.fromkeys(("36", "63"), kind),
        **dict.fromkeys(("4", "5"), "time"),
    }


@pytest.mark.parametrize(
    ("numbers", "scales"),
    [
        (["10 µm", "20 µm", "6 feet", "2 m"], [["10 µm", "20 µm"], ["6 feet", "2 m"]]),
        (["10 µm", "6 feet"], []),
        (["7 days", "10 days", "12 years"], [["7 days", "10 days"]]),
        (["0.09 days", "6.4 days"], []),
        (["1 day", "30 days", "2 years"], [["1 day", "30 days", "2 years"]]),  # step by step
        (["1 year", "85 years"], []),
        (["aged 1 year", "aged 85 years"], [["1 year", "85 years"]]),
        (["0 days", "6 months"], [["0 days", "6 months"]]),
        (["1 to 200 days", "30 years"], []),
        (["0.01%", "80%"], [["0.01%", "80%"]]),  # shares are told on one scale
        (["-80 °C", "4 °C"], [["−80 °C", "4 °C"]]),
    ],
)
def test_numbers_of_quite_other_sizes_share_no_scale(
    numbers: list[str], scales: list[list[str]]
) -> None:
    answers = [of(n, f"It was {number}.", number) for n, number in enumerate(numbers, 1)]
    found = evidence_of(answers, never).spreads
    assert [[point.group.label for point in spread.points] for spread in found] == scales


def test_cold_and_heat_are_no_agreement() -> None:
    answers = [
        of(1, "It is stable at -80 °C.", "-80 °C"),
        of(2, "It was killed at 80 °C.", "80 °C"),
    ]
    found = evidence_of(answers, never)
    assert not found.agreeing
    assert (found.spreads[0].least, found.spreads[0].greatest) == ("−80 °C", "80 °C")
