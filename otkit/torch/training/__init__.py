"""The training loop: configuration, data, steps, monitor, checkpoints, and the loop that calls them."""
