"""The doors of octo: one file a command. Parse, call the stage, print its report; Typer stays in here."""
