"""Teaches an encoder's words to order passages as a reader does (torch).

A reader looks at question and passage together, so it tells better than an encoder which passage
answers; an encoder can learn that from it (Hofstätter et al., "Improving Efficient Neural Ranking
Models with Cross-Architecture Knowledge Distillation", 2020). Here each question has a list of
passages with the reader's judgements, and the late interaction of their words shall spread its
scores over the list as the reader does (Cao et al., "Learning to Rank: From Pairwise Approach to
Listwise Approach", 2007).
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from models.contrastive import TrainedEncoder, anchor_loss, blocked_late_scores, contrastive_loss
from models.token_table import Tokens

_EASY = 0.3  # what telling the right passage from other questions' counts, beside the order
_ANCHOR = 10.0  # and the distance of the vectors from the base's


@dataclass(frozen=True, slots=True, eq=False)
class JudgedLists:
    """q questions and p passages, of which the first q are right ones, in the questions' order.

    `rarity`, shape (q, most words), is how rare each word of a question is. `own`, shape (q, m),
    holds the places of each question's passages, its right one first, and `judgements`, of the
    same shape, how well the reader likes each, in logits: -inf where there are fewer. `excluded`,
    boolean of shape (q, p), names the passages that are no easy wrong ones of a question: its own,
    wherever they stand; but not the place of its right one.
    """

    questions: Tokens
    passages: Tokens
    rarity: Tensor
    own: Tensor
    judgements: Tensor
    excluded: Tensor


def listwise_loss(scores: Tensor, judgements: Tensor, temperature: float) -> Tensor:
    """Return the mean divergence (Kullback and Leibler) of scores from judgements, both (q, m).

    Both are logits; the judgements are divided by `temperature`, and where they are -inf the
    scores don't count.
    """
    absent = judgements.isneginf()
    lowest = torch.finfo(scores.dtype).min
    wanted = torch.log_softmax(judgements.masked_fill(absent, lowest) / temperature, 1)
    found = torch.log_softmax(scores.masked_fill(absent, lowest), 1)
    both = (wanted.exp() * (wanted - found)).masked_fill(absent, 0)
    return both.sum(1).mean()


def rarely_weighted(weights: Tensor, rarity: Tensor) -> Tensor:
    """Return the weights of questions' words times their rarity, both (q, words); rows sum to 1.

    A question of which no word is known to the corpus keeps its weights, as in the search.
    """
    known = rarity.any(1, keepdim=True)
    weighed = weights * torch.where(known, rarity, torch.ones_like(rarity))
    return weighed / weighed.sum(1, keepdim=True).clamp(min=1e-6)


def losses(
    model: TrainedEncoder, base: TrainedEncoder, lists: JudgedLists, temperature: float
) -> Tensor:
    """Return three losses, shape (3,): of the order, of easy wrong passages, of the distance.

    The last is how far the texts' vectors are from those of `base`.
    """
    asked, found = model(lists.questions), model(lists.passages)
    width = asked.weights.shape[1]
    rarity = nn.functional.pad(lists.rarity, (0, max(0, width - lists.rarity.shape[1])))[:, :width]
    weights = rarely_weighted(asked.weights, rarity)
    scores = blocked_late_scores(asked.words, weights, found.words)
    order = listwise_loss(
        scores.gather(1, lists.own) * model.late_scale.exp(), lists.judgements, temperature
    )
    with torch.no_grad():
        kept = torch.cat([base.vectors(lists.questions), base.vectors(lists.passages)])
    return torch.stack(
        [
            order,
            contrastive_loss(scores, model.late_scale.exp(), lists.excluded),
            anchor_loss(torch.cat([asked.vectors, found.vectors]), kept),
        ]
    )


def total(parts: Tensor) -> Tensor:
    """Return the sum of the three losses, each with its weight."""
    return parts @ torch.tensor([1.0, _EASY, _ANCHOR], device=parts.device)


def step(
    model: TrainedEncoder,
    base: TrainedEncoder,
    optimizer: torch.optim.Optimizer,
    lists: JudgedLists,
    temperature: float,
) -> Tensor:
    """Learn from lists of passages; return the three losses, shape (3,)."""
    parts = losses(model, base, lists, temperature)
    total(parts).backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return parts.detach()
