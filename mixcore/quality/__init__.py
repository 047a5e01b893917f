"""signals, declared columns -> scores: where, exclude, gates, percentiles."""
