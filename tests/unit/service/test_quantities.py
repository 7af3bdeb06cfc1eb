import pytest

from service.quantities import quantity_in, quantity_of


@pytest.mark.parametrize(
    ("sentence", "written"),
    [
        ("The median was 5.1 days (95% CI, 4.5 to 5.8 days).", "5.1 days"),
        ("It takes between 2 and 14 days.", "2–14 days"),
        ("2-14 days", "2–14 days"),
        ("2 to 14 d", "2–14 days"),
        ("5 or 6 days", "5–6 days"),
        ("5.1 days and 6 days", "5.1 days"),  # two numbers, no range
        ("Fourteen days of quarantine", "14 days"),
        ("a 14-day quarantine", "14 days"),
        ("for one hour", "1 hour"),
        ("about 72 h on plastic", "72 hours"),
        ("2·5 years, as The Lancet writes it", "2.5 years"),
        ("3.4% of them", "3.4%"),
        ("from 3.4% to 5%", "3.4–5%"),
        ("12 per cent", "12%"),
        ("at 4 °C", "4 °C"),
        ("2 m apart", "2 m"),
        ("6 feet", "6 feet"),
        ("droplets of 5 μm", "5 µm"),
        ("a 3-fold rise", "3-fold"),
        ("R0 was 2.2 (95% CI, 1.4 to 3.9).", "2.2"),
        ("In 2020 the basic reproduction number was 3.1.", "3.1"),
        ("stored at -80 °C", "−80 °C"),
        ("stored at −80°C", "−80 °C"),
        ("at (–20 °C)", "−20 °C"),
        ("from -80 to -70 °C", "−80 to −70 °C"),
        ("from -20 to 4 °C", "−20 to 4 °C"),
        ("a change of -4.5%", "−4.5%"),
        ("a day-5 sample after 3 days", "3 days"),
        ("less than 5%", "<5%"),
        ("in more than 5% of them", ">5%"),
        ("at least 14 days", "≥14 days"),
        ("for no longer than two weeks", "≤2 weeks"),
        ("up to 3 days", "≤3 days"),
        ("may not exceed 3 days", "≤3 days"),
        ("may exceed 3 days", ">3 days"),
        ("p < 5%", "<5%"),
        ("more than 5 to 6 days", "5–6 days"),  # a range is none
        ("twelve days", "12 days"),
        ("the number 1234567890123456 was never 3 days", "3 days"),
        ("64+-18 years", "64 years"),  # a deviation is no answer
        ("64 +/- 18 years", "64 years"),
        ("39·08±13·88 years", "39.08 years"),
        ("69.0 ± 51.7months", "69 months"),
        ("37.8 ± 0.3 °C", "37.8 °C"),
        ("6 (IQR, 3-8) days", "6 days"),
        ("68.3 (SD 10.5) years", "68.3 years"),
        ("6 (3-8) days", "6 days"),
        ("from 60 nm to 140 nm", "60–140 nm"),
        ("1~14 days, generally 3~7 days", "1–14 days"),
        ("~5 days", "5 days"),
        ("at +5 °C", "5 °C"),
        ("17 days to 92 years", "17 days–92 years"),
        ("between 5 days and 2 weeks", "5 days–2 weeks"),
        ("2 weeks or 10 days", "10 days–2 weeks"),
        ("5% or 10 days", "5%"),  # no range
        ("5 days to 6 patients", "5 days"),
        ("5 days (4%)", "5 days"),
        ("The R 0 was 2.2.", "2.2"),  # not the subscript
        ("R(0) was 3 [2-4]", "3"),
        ("cases that transmit [17]; R0 was 2.1", "2.1"),  # nor a mark of a reference
        ("cases that transmit [17, 18-20]; R0 was 2.1", "2.1"),
        ("We found that 2.2 was the R0.", "2.2"),
        ("the reproduction number [R0 = 3] was", "3"),
        ("less than 2 m or 15 min", "<2 m"),
        ("As a result R 0 = 2 . 6 ( 95 % CI, 2 . 4 - 2 . 9)", "2.6"),  # spaced by the extraction
        ("It took 3 . 5 days.", "3.5 days"),
        ("It took 10 .5 days.", "10.5 days"),
        ("It took 3. 5 days went by.", "5 days"),
        ("droplets of 0.3 µm or 300 nm", "0.3 µm"),  # the same, said twice
        ("with COVID-19, 14 days", "14 days"),
        ("In 2019, 5% of them", "5%"),
        ("Twenty four percent of them", "24%"),
        ("Twenty-four percent of them", "24%"),
        ("Twenty‐four percent of them", "24%"),  # the hyphen that typesetters put
        ("for thirty six hours", "36 hours"),
        ("one hundred and four days", "104 days"),
        ("a hundred and twenty-one days", "121 days"),
        ("two hundred fifty days", "250 days"),
        ("one hundred percent", "100%"),
        ("Twenty to twenty five days", "20–25 days"),
        ("twenty-thirty days", "20–30 days"),
        ("five-ten days", "5–10 days"),
        ("between one hundred and four hundred days", "100–400 days"),
        ("between twenty one and thirty days", "21–30 days"),
        ("more than forty-eight hours", ">48 hours"),
        ("sixteen, not six, days; sixty days", "60 days"),
        ("in six 14-day cycles", "14 days"),
        ("at this point 5 days", "5 days"),
        ("a fever of 100.4 °F", "100.4 °F"),
        ("98 to 99 degrees Fahrenheit", "98–99 °F"),
        ("Cisatracurium <= 48 hrs after onset", "≤48 hours"),
        ("subjects aged >=45 years", "≥45 years"),
        ("in those > or = 65 years", "≥65 years"),
        ("greater than or equal to 65 years", "≥65 years"),
        ("less than or equal to 5%", "≤5%"),
        ("aged 65 years or older", "≥65 years"),
        ("65 years of age and older", "≥65 years"),
        ("18 years or younger", "≤18 years"),
        ("adults of 65 years and over.", "≥65 years"),
        ("a fever of 38 °C or higher", "≥38 °C"),
        ("5 days and over half of them", "5 days"),
        ("5 days and more severe", "5 days"),
        ("5 days or less than that", "5 days"),
        ("in over 90% of them", ">90%"),
        ("aged over 65 years", ">65 years"),
        ("over 65 years of age", ">65 years"),
        ("over the age of 65 years", ">65 years"),
        ("over 5 days", "5 days"),  # during them
        ("over 5 years", "5 years"),
        ("a rate varying from16 to 58%", "16–58%"),
        ("from one day to up to 7 days", "1–7 days"),
        ("from 3 days on, and 6 days to rest", "3 days"),
        ("at 37 • C", "37 °C"),
        ("at 5.6ºC", "5.6 °C"),
        ("at 30 oC", "30 °C"),
        ("at 56 o C for 30 minutes", "56 °C"),
        ("2–8 ˚C", "2–8 °C"),
        ("at 56 deg. C", "56 °C"),
        ("a genome of 26 to 32 kilobases", "26–32 kb"),
    ],
)
def test_a_number_with_its_unit_is_found(sentence: str, written: str) -> None:
    assert str(quantity_in(sentence)) == written


@pytest.mark.parametrize(
    "sentence",
    [
        "There were 425 patients.",  # a count answers no how much
        "The R0 is the discriminant of (4).",  # the number of an equation
        "Then R0 = 1 + growth rate.",
        "cells harvested at 24, 48, and 72 h",  # a list
        "roughly 100 and 160 min, respectively",
        "95% CI 2-3",  # the size of an interval
        "COVID-19 began in 2019.",
        "18 4% of them",  # a point was lost
        "The R0 was 2.23,24",  # a number and two references, or one and three
        "(n = 3)+-18 years",
        "at 1.5 m/s",  # another unit
        "growing by 0.06 h \N{MINUS SIGN}1",
        "Masks help.",
        "PaO2 was below 60 mm Hg",  # a pressure
        "a PEEP of 5 cm H2O",
        "It lasts \u017fix days, or f\u0131ve.",  # letters that only look like those of a word
        "It took " + "9" * 400 + " days.",
        "seven point five days",  # the rest of another number
        "seven point 5 days",
        "three quarters of 10 days",
        "half the 10 days",
        "2.3 × 10 days",
        "2.3 * 10 days",
        "(1.2) × 10 days",
        "two times 10 days",
        "1/2 days",
        "two thousand and four days",
        "two thousand four days",
        "several hundred days",
        "two three days",
        "twenty four-day courses",  # 24 days, or 20 courses
        "on the twenty-fourth day",
        "two dozen days",
        "transmit16 days",
        "",
    ],
)
def test_other_numbers_are_none(sentence: str) -> None:
    assert quantity_in(sentence) is None


def test_the_beginning_of_a_range_in_two_parts_is_no_number() -> None:
    sentence = "They may pass it on from one day before symptoms to up to 7 days after them."
    assert quantity_in(sentence, 0, sentence.index(" before")) is None
    assert str(quantity_in(sentence, sentence.index("up to"))) == "≤7 days"


def test_signs_and_bounds_tell_numbers_apart() -> None:
    same = [
        ("72 hours", "three days"),
        ("under 5%", "less than 5 per cent"),
        ("98.6 °F", "37 °C"),
        ("32 °F", "0 °C"),
        ("twenty-one days", "3 weeks"),
    ]
    other = [
        ("-80 °C", "80 °C"),
        ("less than 5%", "more than 5%"),
        ("less than 5%", "5%"),
        ("at least 5%", "more than 5%"),
    ]
    for pairs, alike in ((same, True), (other, False)):
        for texts in pairs:
            one, two = map(quantity_in, texts)
            assert one is not None
            assert two is not None
            assert (one.key == two.key) is alike, texts


def test_ends_of_other_units_stand_at_their_places() -> None:
    found = quantity_in("10 days to 2 weeks")
    assert found
    assert found.key == ("time", "", 10, 14)
    assert (str(found.least), str(found.greatest)) == ("10 days", "2 weeks")
    warm = quantity_in("38 °C to 104 °F")
    assert warm
    assert (warm.key, str(warm)) == (("temperature", "", 38, 40), "38 °C–104 °F")
    backwards = quantity_in("2 weeks or 10 days")
    assert backwards
    assert backwards.key == found.key


def test_only_what_the_answer_touches_counts() -> None:
    sentence = "It was 5.1 days, and 97.5% had symptoms within 11.5 days."
    for answer, written in [
        ("5.1", "5.1 days"),
        ("97.5% had", "97.5%"),
        ("11.5 days", "11.5 days"),
    ]:
        start = sentence.index(answer)
        assert str(quantity_in(sentence, start, start + len(answer))) == written
    assert quantity_in(sentence, 0, 6) is None  # "It was"


@pytest.mark.parametrize(
    ("answer", "written"),
    [
        ("a median incubation period of 5.1 days (95% CI, 4.5 to 5.8 days)", "5.1 days"),
        ("2–10 days with a mean of 6 days", "2–10 days"),
        ("24 h, 48 h and 72 h", "None"),
        ("∼10% and ∼35%", "None"),
        ("fever (13 [52%]), and dry cough (11 [44%])", "None"),
        ("cough (50%) followed by fever (40%)", "None"),
        ("1,023 deaths (2.3%)", "2.3%"),
        ("78.5% vs 66.7%, respectively", "None"),  # two, neither of which is asked for by itself
        ("40 % vs. 69.7 %, p = 0.008", "None"),
        ("21.9% versus 13.2%", "None"),
        ("19% VS 1.5%", "None"),
        ("95.7 vs. 62.5 %", "None"),
        ("2.3% compared with 1.2%", "None"),
        ("2.3% (162/7119) and 1.4% (80/5785)", "None"),
        ("15 (range: 4-129) and 26 (range: 5-430) days", "None"),
        ("2.3% versus controls", "2.3%"),
        ("120 1 to 12 days", "None"),  # with the number of a line
        ("10 .0 days", "10 days"),
        ("5 days, and most of the patients then had fever, cough or fatigue", "None"),
    ],
)
def test_an_answer_that_says_more_is_no_quantity(answer: str, written: str) -> None:
    assert str(quantity_of(f"It was {answer}.", 7, 7 + len(answer))) == written


def test_of_two_numbers_that_are_no_range_the_answer_is_taken() -> None:
    sentence = "Contact was within 2 m or 15 min indoors."
    start = sentence.index("15")
    assert str(quantity_in(sentence, start, start + 6)) == "15 minutes"
    assert str(quantity_in(sentence, 0, start)) == "2 m"


def test_equal_quantities_of_other_units_have_one_key() -> None:
    hours, days = quantity_in("72 hours"), quantity_in("three days")
    feet, metres = quantity_in("6 feet"), quantity_in("2 m")
    assert hours
    assert days
    assert feet
    assert metres
    assert hours.key == days.key
    assert feet.key != metres.key
    assert feet.key[0] == metres.key[0] == "length"


def test_great_numbers_are_told_apart_and_written_out() -> None:
    one, other = quantity_in("within 1,234,567 days"), quantity_in("within 1,234,568 days")
    assert one
    assert other
    assert one.key != other.key
    assert str(one) == "1,234,567 days"


def test_a_confidence_interval_around_the_number_belongs_to_it() -> None:
    found = quantity_in("5.1 days (95% CI, 4.5 to 5.8 days)")
    assert found
    assert found.interval == (4.5, 5.8)
    apart = quantity_in("5.1 days (95% CI, 7 to 9 days)")
    assert apart
    assert apart.interval is None  # of something else
