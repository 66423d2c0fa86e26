"""httpbin, entire and unchanged."""
from httpbin import app  # noqa: F401
