"""Any run -> report.html, report.json; the story of one document."""
