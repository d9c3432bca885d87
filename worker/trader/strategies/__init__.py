"""The strategies, one file each, pure: bars in, targets out."""
