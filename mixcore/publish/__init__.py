"""documents, mixture -> corpus, validation, dropped."""
