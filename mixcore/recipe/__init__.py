"""What the user asked for: models, loader, rules, conditions, JSON Schema. No Spark."""
