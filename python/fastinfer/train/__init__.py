"""Training, in PyTorch (the `train` extra). Nothing else of the package needs it."""
