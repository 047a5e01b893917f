"""scores, duplicates -> mixture: allocation and exact selection."""
