"""Reports on measurements: one page, or Markdown, CSV and pictures of the same."""
