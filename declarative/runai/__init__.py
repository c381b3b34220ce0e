"""The control plane: how it is reached, read, and (in `remote` alone) changed."""
