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

_KEPT = 4.0  # what keeping the base's order of a question's passages counts, beside the reader's
_EASY = 0.3  # likewise what telling the right passage from other questions' does
_ANCHOR = 10.0  # and the distance of the vectors from the base's


@dataclass(frozen=True, slots=True, eq=False)
class JudgedLists:
    """q questions and p passages, of which the first q are the questions' own, in their order.

    The first `taught` questions are those that the reader judged, and their own passages right
    ones; of the others the order that the base has shall be kept.

    `rarity`, shape (q, most words), is how rare each word of a question is. `own`, shape (q, m),
    holds the places of each question's passages, its right one first, and `judgements`, of the
    same shape, how well each is liked, in logits: -inf where there are fewer. `excluded`,
    boolean of shape (q, p), names the passages that are no easy wrong ones of a question: its own,
    wherever they stand; but not the place of its right one.
    """

    questions: Tokens
    passages: Tokens
    rarity: Tensor
    own: Tensor
    judgements: Tensor
    excluded: Tensor
    taught: int


def listwise_loss(scores: Tensor, judgements: Tensor) -> Tensor:
    """Return the divergence (Kullback and Leibler) of scores from judgements, shape (q,).

    Both are logits of shape (q, m); where the judgements are -inf the scores don't count.
    """
    absent = judgements.isneginf()
    lowest = torch.finfo(scores.dtype).min
    wanted = torch.log_softmax(judgements.masked_fill(absent, lowest), 1)
    found = torch.log_softmax(scores.masked_fill(absent, lowest), 1)
    both = (wanted.exp() * (wanted - found)).masked_fill(absent, 0)
    return both.sum(1)


def rarely_weighted(weights: Tensor, rarity: Tensor) -> Tensor:
    """Return the weights of questions' words times their rarity, both (q, words); rows sum to 1.

    A question of which no word is known to the corpus keeps its weights, as in the search.
    """
    known = rarity.any(1, keepdim=True)
    weighed = weights * torch.where(known, rarity, torch.ones_like(rarity))
    return weighed / weighed.sum(1, keepdim=True).clamp(min=1e-6)


def losses(model: TrainedEncoder, base: TrainedEncoder, lists: JudgedLists) -> Tensor:
    """Return four losses, shape (4,): of two orders, of easy wrong passages, of the distance.

    They are of the reader's order, of the base's, which is kept, of the passages of the other
    questions, and how far the texts' vectors are from those of `base`. The first three are sums
    over the questions that they are of, divided by the number of all.
    """
    asked, found = model(lists.questions), model(lists.passages)
    width = asked.weights.shape[1]
    rarity = nn.functional.pad(lists.rarity, (0, max(0, width - lists.rarity.shape[1])))[:, :width]
    weights = rarely_weighted(asked.weights, rarity)
    scores = blocked_late_scores(asked.words, weights, found.words)
    order = listwise_loss(scores.gather(1, lists.own) * model.late_scale.exp(), lists.judgements)
    easy = contrastive_loss(
        scores[: lists.taught], model.late_scale.exp(), lists.excluded[: lists.taught]
    )
    with torch.no_grad():
        kept = torch.cat([base.vectors(lists.questions), base.vectors(lists.passages)])
    return torch.stack(
        [
            order[: lists.taught].sum() / len(scores),
            order[lists.taught :].sum() / len(scores),
            easy.nan_to_num() * lists.taught / len(scores),  # a mean of none is no number
            anchor_loss(torch.cat([asked.vectors, found.vectors]), kept),
        ]
    )


def total(parts: Tensor) -> Tensor:
    """Return the sum of the four losses, each with its weight."""
    return parts @ torch.tensor([1.0, _KEPT, _EASY, _ANCHOR], device=parts.device)


def step(
    model: TrainedEncoder,
    base: TrainedEncoder,
    optimizer: torch.optim.Optimizer,
    lists: JudgedLists,
) -> Tensor:
    """Learn from lists of passages; return the four losses, shape (4,)."""
    parts = losses(model, base, lists)
    total(parts).backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return parts.detach()
