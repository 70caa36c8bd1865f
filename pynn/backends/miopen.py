"""MIOpen's switch: kept, and without effect."""

immediate = False
