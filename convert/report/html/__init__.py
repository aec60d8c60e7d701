"""HTML report of a conversion, NAME.report.html."""

from .page import page, page_path, write_page

__all__ = ["page", "page_path", "write_page"]
