"""Who writes samples. A teacher turns functions into requests that people would say; see `base.py` for the seam."""
