"""What a DistilBERT's loss is made of, by name."""

RECIPES = {  # the weights of `distilbert_loss`: soft, labels, cosine, states
    "paper": (5, 2, 1, 0),
    "article": (0.5, 0.5, 0, 0.1),
    "labels": (0, 1, 0, 0),
}
