"""documents -> signals: the one Python pass over text."""
