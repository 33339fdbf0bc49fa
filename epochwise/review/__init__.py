"""What changed between two states of the project, and is it real: a report and a page of it."""
