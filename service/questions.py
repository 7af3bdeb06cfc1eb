"""The questions that the page suggests: the 30 tasks of the CORD-19 challenge, in plain words."""

from dataclasses import dataclass
from itertools import groupby

TRANSMISSION = "Transmission and incubation"
RISKS = "Risk factors and severity"
ORIGIN = "Origin and genetics"
POLICY = "Public health and protection"
TREATMENT = "Treatment"
DELIVERY = "Digital care"
IMMUNITY = "Diagnosis and immunity"


@dataclass(frozen=True, slots=True)
class SuggestedQuestion:
    """A question with the number, from 1, that stands for it in the page's form."""

    number: int
    topic: str
    text: str


_TOPICS_AND_TEXTS = (
    (
        TRANSMISSION,
        "Is COVID-19 spread by aerosols or by respiratory droplets, and how far do they travel?",
    ),
    (TRANSMISSION, "How long is the incubation period of COVID-19?"),
    (TRANSMISSION, "Can people without symptoms transmit the virus?"),
    (TRANSMISSION, "How do temperature and humidity affect the spread of COVID-19?"),
    (TRANSMISSION, "How long does the coronavirus stay infectious on surfaces?"),
    (RISKS, "Which risk factors lead to severe COVID-19?"),
    (RISKS, "Do patients with hypertension have a worse outcome of COVID-19?"),
    (RISKS, "How does heart disease affect the risk of dying from COVID-19?"),
    (RISKS, "Are patients with COPD at greater risk of severe COVID-19?"),
    (RISKS, "Does smoking make COVID-19 worse?"),
    (RISKS, "What does COVID-19 mean for pregnant women and their babies?"),
    (RISKS, "What is the case fatality rate of COVID-19?"),
    (POLICY, "Which public-health policies slowed the spread of COVID-19?"),
    (ORIGIN, "Can animals transmit the coronavirus to people?"),
    (ORIGIN, "From which animal did SARS-CoV-2 originate?"),
    (ORIGIN, "Which tools track the virus by its genome sequences?"),
    (ORIGIN, "How does the virus genome vary between geographic regions?"),
    (POLICY, "What did countries in Asia do to contain the outbreak?"),
    (TREATMENT, "Which drugs and therapies work against COVID-19?"),
    (TREATMENT, "Do anti-inflammatory drugs help patients with COVID-19?"),
    (
        POLICY,
        "How effective are non-pharmaceutical interventions such as distancing and school closure?",
    ),
    (POLICY, "What keeps people from complying with isolation and distancing rules?"),
    (TREATMENT, "What is the outcome of ECMO in severe COVID-19?"),
    (DELIVERY, "How was telemedicine used during the pandemic?"),
    (DELIVERY, "How is artificial intelligence used in caring for COVID-19 patients?"),
    (TREATMENT, "Which adjunctive or supportive treatments help COVID-19 patients?"),
    (IMMUNITY, "How accurate are diagnostic tests for COVID-19?"),
    (IMMUNITY, "How does the immune system respond to SARS-CoV-2?"),
    (POLICY, "Does personal protective equipment protect health workers?"),
    (IMMUNITY, "Can people be infected with SARS-CoV-2 a second time?"),
)

QUESTIONS = tuple(
    SuggestedQuestion(number, topic, text)
    for number, (topic, text) in enumerate(_TOPICS_AND_TEXTS, start=1)
)

_TOPICS = (TRANSMISSION, RISKS, IMMUNITY, TREATMENT, POLICY, ORIGIN, DELIVERY)


def questions_by_topic() -> dict[str, list[SuggestedQuestion]]:
    """Group the questions by topic, in the order in which the page shows the topics."""
    ordered = sorted(QUESTIONS, key=lambda q: (_TOPICS.index(q.topic), q.number))
    return {topic: list(group) for topic, group in groupby(ordered, key=lambda q: q.topic)}
