"""What every room stands on: session, tables, keys, stages, publish fence, progress, errors."""
