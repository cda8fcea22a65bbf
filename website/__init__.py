"""The pages of the documentation that are made from the code, for mkdocs.

What may live here: what turns schemas, classes of events, docstrings and imports into pages, one module for each, and the
hook that hands them to mkdocs. What a page says about TLS is never written here: it stands in the code, or in `docs/`.
Nothing of it is installed.
"""
