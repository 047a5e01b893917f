"""signals, documents -> pairs (match); pairs, scores -> duplicates (resolve)."""
