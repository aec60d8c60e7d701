"""HTML report of a conversion, NAME.report.html."""

from .detector_page import detector_page
from .page import page, page_path, write_page

__all__ = ["detector_page", "page", "page_path", "write_page"]
