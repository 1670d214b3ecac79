"""Other people's API descriptions -> octo's own JSON, and what could not be taken over, by name.

One module reads each format and yields operations; `functions.py` makes functions of them that `spec.py` accepts.
"""

from octocli.core.importers.load import FORMATS, Imported, load_any
from octocli.core.importers.notes import Note

__all__ = ["FORMATS", "Imported", "Note", "load_any"]
