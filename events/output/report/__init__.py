"""The report: the connections of captures in one page of HTML, to look at.

What may live here: events in, a page out. `ladder` collects what is shown of a connection, `drawing` makes of it what the
page is told, `report` brings them and the rows together, and `parts/` has what runs in the browser.
"""

from .report import Found, Report, found_in

__all__ = ["Found", "Report", "found_in"]
