"""Quality: signals and declared columns become gates, scores and buckets. No text is read."""
