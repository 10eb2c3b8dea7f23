"""HTML as PDF with WeasyPrint, which takes half a second to load: not before it is used."""

from typing import Any, NoReturn

from weasyprint import HTML
from weasyprint.urls import URLFetcher


def pdf(html: str) -> bytes:
    """The pages. Nothing is fetched for them, neither from the network nor from the disk."""
    content: bytes = HTML(string=html, url_fetcher=Refusing()).write_pdf()
    return content


class Refusing(URLFetcher):  # type: ignore[misc]  # the library has no types
    """Fetches nothing, whatever is asked for."""

    def fetch(self, url: str, headers: Any = None) -> NoReturn:
        """Refuses; the page is printed without it."""
        raise ValueError(f"a summary fetches nothing, also not {url[:100]}")
