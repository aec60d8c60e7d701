"""NAME.report.html: a conversion on one page."""

from .page import page, page_path, write_page

__all__ = ["page", "page_path", "write_page"]
