"""The report: what a run did, for people (HTML) and programs (JSON), and one document's story."""
