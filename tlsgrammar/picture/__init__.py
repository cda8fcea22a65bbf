"""Pictures of structures: the fields of one beside its bytes, in a page that needs nothing else.

What may live here: what is drawn of a structure, and the parts of a page that draw it: `fields` is what a page is told,
`page` makes one, and `parts/` has what runs in the browser.
"""

from .fields import Field, Fields, Picture
from .page import Page, page, structure_page

__all__ = ["Field", "Fields", "Page", "Picture", "page", "structure_page"]
