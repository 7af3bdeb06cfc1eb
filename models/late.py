"""Late interaction: a short vector a word, so that a question is compared word by word (torch).

Khattab and Zaharia, "ColBERT: Efficient and Effective Passage Search via Contextualized Late
Interaction over BERT" (2020): each word of the question looks for the word of the passage that is
most like it in its context, and the passage's score is the mean of what they find. Here a word's
vector is the mean of its tokens', and the question's words have learned weights.
"""

import json
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from models.contracts import ModelError
from models.late_config import CONFIG, LateConfig

WEIGHTS = "late_interaction.safetensors"


class LateInteraction(nn.Module):
    """The head that turns hidden states of tokens into vectors of words."""

    def __init__(self, config: LateConfig) -> None:
        """Make a head with random weights; `load_head` reads trained ones."""
        super().__init__()
        self.config = config
        self.projection = nn.Linear(config.hidden, config.dimension, bias=False)
        self.importance = nn.Linear(config.hidden, 1)
        nn.init.zeros_(self.importance.weight)
        nn.init.zeros_(self.importance.bias)

    def forward(
        self, hidden: Tensor, words: Tensor, count: int | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the vectors and the weights of the words of n texts.

        `hidden` has shape (n, tokens, hidden), float32; `words`, shape (n, tokens), int64, holds
        each token's word from 0, or -1. The vectors have shape (n, most words, dimension), each
        of length 1; the weights (n, most words) sum to 1 in each text. Rows of padding are 0. Who
        knows the most words gives their `count`: to find it, a GPU has to be waited for.
        """
        if count is None:
            count = int(words.max()) + 1 if words.numel() else 0
        member = (words[:, None, :] == torch.arange(count, device=words.device)[None, :, None]).to(
            hidden.dtype
        )
        sizes = member.sum(2)
        member = member / sizes.clamp(min=1)[:, :, None]
        vectors = torch.bmm(member, self.projection(hidden))
        vectors = nn.functional.normalize(vectors, dim=-1) * (sizes > 0)[:, :, None]
        logits = torch.bmm(member, self.importance(hidden))[:, :, 0]
        logits = logits.masked_fill(sizes == 0, torch.finfo(logits.dtype).min)
        weights = torch.softmax(logits, dim=1) * (sizes > 0)
        return vectors, weights

    def save(self, folder: Path) -> None:
        """Write the head beside the encoder's weights."""
        save_file(
            {name: value.contiguous().half() for name, value in self.state_dict().items()},
            folder / WEIGHTS,
        )
        (folder / CONFIG).write_text(json.dumps(asdict(self.config)) + "\n", encoding="utf-8")


def load_head(folder: Path) -> LateInteraction | None:
    """Return the head in an encoder's folder, or None where the encoder has none.

    Raises ModelError where it is there and cannot be used.
    """
    if not (folder / CONFIG).is_file():
        return None
    try:
        head = LateInteraction(LateConfig.read(folder))
        head.load_state_dict({k: v.float() for k, v in load_file(folder / WEIGHTS).items()})
    except Exception as error:  # safetensors raises bare kinds of its own
        raise ModelError(
            f"{folder / WEIGHTS} is not a late interaction head ({type(error).__name__}: {error}): "
            f"restore it, or remove {CONFIG} to use the encoder without it"
        ) from error
    return head.eval()


def late_scores(question: Tensor, weights: Tensor, passage: Tensor) -> Tensor:
    """Return the scores, shape (q, p), of q questions' words with p passages' words.

    `question` has shape (q, words, dimension), `weights` (q, words), `passage` (p, words,
    dimension). Padding of passages is 0, so a word's best match is at least 0.
    """
    likeness = torch.einsum("qwd,pvd->qpwv", question, passage)
    return (likeness.amax(3) * weights[:, None, :]).sum(2)
