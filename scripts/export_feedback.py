"""Writes the answers that people found good as training data for a reader, in the SQuAD format.

Only thumbs up are exported. A thumb down says that this answer is a bad one, and not that its
passage has none: as an unanswerable question it would teach the reader to find nothing where there
may be an answer (docs/decisions/0018-feedback.md).
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from index.manifest import write_durably
from index.passages import digest
from service.feedback import Feedback, FeedbackError, read_feedback


@dataclass(frozen=True, slots=True)
class Export:
    """A data set, with how many answers it has and how many feedbacks were left out, and why."""

    data: dict[str, object]
    answers: int
    left_out: dict[str, int]


def squad(given: Iterable[Feedback]) -> Export:
    """Return the answers that more people found good than bad, each once.

    Several of one question to one passage are gold answers of one entry.

    Format: Rajpurkar et al., "Know What You Don't Know: Unanswerable Questions for SQuAD" (2018).
    """
    votes: Counter[tuple[str, str, int, int]] = Counter()
    first: dict[tuple[str, str, int, int], Feedback] = {}
    left_out: Counter[str] = Counter()
    for one in given:
        if one.context[one.start : one.end] != one.answer or not one.answer.strip():
            left_out["the answer does not stand in the passage where it should"] += 1
            continue
        key = (" ".join(one.question.casefold().split()), one.context, one.start, one.end)
        votes[key] += 1 if one.verdict == "up" else -1
        first.setdefault(key, one)
    good = {key: one for key, one in first.items() if votes[key] > 0}
    left_out["no more people found the answer good than bad"] = len(first) - len(good)
    asked: dict[tuple[str, str], list[Feedback]] = {}
    for (question, context, *_), one in good.items():
        asked.setdefault((question, context), []).append(one)
    articles: dict[str, dict[str, list[dict[str, object]]]] = {}
    for (question, context), some in asked.items():
        paragraphs = articles.setdefault(some[0].cord_uid, {})
        paragraphs.setdefault(context, []).append(
            {
                "id": f"feedback-{digest(f'{question} {context}') % 2**64:016x}",
                "question": some[0].question,
                "answers": [{"text": one.answer, "answer_start": one.start} for one in some],
                "is_impossible": False,
            }
        )
    data = [
        {
            "title": cord_uid,
            "paragraphs": [
                {"context": context, "cord_uid": cord_uid, "qas": qas}
                for context, qas in paragraphs.items()
            ],
        }
        for cord_uid, paragraphs in articles.items()
    ]
    return Export({"version": "v2.0", "data": data}, len(good), dict(left_out))


def parser() -> argparse.ArgumentParser:
    """Return the command's arguments."""
    arguments = argparse.ArgumentParser(
        prog="python -m scripts.export_feedback", description=__doc__
    )
    arguments.add_argument(
        "feedback", type=Path, help="the file that COVIDQUEST_FEEDBACK names, also while it serves"
    )
    arguments.add_argument("output", type=Path, help="the JSON file to write")
    return arguments


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit status."""
    options = parser().parse_args(argv)
    try:
        export = squad(read_feedback(options.feedback))
        text = json.dumps(export.data, ensure_ascii=False, indent=1)
        write_durably(options.output, text + "\n")
    except FeedbackError as error:
        print(f"export_feedback: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"export_feedback: {options.output}: {error.strerror}", file=sys.stderr)
        return 1
    print(f"{export.answers} answers written to {options.output}")
    for reason, count in export.left_out.items():
        if count:
            print(f"{count} left out: {reason}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
