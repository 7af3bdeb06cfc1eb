import pytest

from index.corpora.cleaning import clean
from index.corpora.formulas import without_formulas

BLOB = (
    r"\documentclass[12pt]{minimal} \usepackage{amsmath} \setlength{\oddsidemargin}{-69pt} "
    r"\begin{document}$$ T=\frac{\mathrm{AUC}}{C_{\mathrm{Ra}}}, $$\end{document}"
)


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        (f"as follows:{BLOB}T=AUC/C, and T was 1.", "as follows: T=AUC/C, and T was 1."),
        (f"where {BLOB}p is p, {BLOB}N=2 is N.", "where p is p, N=2 is N."),
        (f"{BLOB}{BLOB}", ""),
        (r"a small $k$ where $E(q) \sim k^{-\xi}$", "a small k where E(q) ~k^-ξ"),
        (r"rate $\beta$ fell to 50\%, $\sim$99$\%$", "rate β fell to 50%, ~99%"),
        (r"of 4$\times$10$^{32}$ cm$^{-2}$s$^{-1}$", "of 4×10^32 cm^-2s^-1"),
        (r"${Sp}_{IgG/M}$ and $\mathrm{R}_0 \leq 1$", "Sp_IgG/M and R_0 ≤1"),
    ],
)
def test_latex_becomes_text(text: str, cleaned: str) -> None:
    assert clean(text) == cleaned


@pytest.mark.parametrize(
    "text",
    [
        "It cost $5 and $6, or US$50 000; $10^6 of $2 million",
        r"KN90\KN95\KN100 of A\Ck\Scot\59",
        r"\documentclass without an end",
        "the rates a 1 , c 1 , g 1 , t 1 ; a 2 , c 2 , g 2 , t 2 ; a 3 , c 3 , g 3 , t 3 .",
        "with " + "y = (y 1 , y 2 , y 3 ) and ".replace("and", "= ") * 4 + "and so on",
        "res.q$plot_infection #res.q$plot_removed",
        "新 型 冠 状 病 毒 " * 10,
        "It is so. " * 20,
        "1. A b c " + "de f " * 40,
    ],
)
def test_other_text_stays(text: str) -> None:
    assert without_formulas(text) == text


@pytest.mark.parametrize(
    "run",
    [
        "q " * 40,
        "q qq q qqq " * 10,
        "+ ++ + " * 20,
        ". " * 40,
        "T a b l e 4 S e t t i n g s o f p a t i e n t s w i t h S A R S -C o V -2 (n = 4 ) ",
        "1 − 3 9 2 − " * 20,
    ],
)
def test_what_figures_left_goes(run: str) -> None:
    assert clean(f"It rose until day t. {run}Then it fell.") == "It rose until day t. Then it fell."
    assert clean(run) == ""
