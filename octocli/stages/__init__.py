"""The verbs of octo. A stage takes a project and options, gives a report, and never prints; progress is a callback."""
