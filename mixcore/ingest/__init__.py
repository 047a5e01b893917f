"""Raw files and tables -> files, documents, quarantine."""
