"""Given: a compressed model in the file formats of other libraries. What loads where: docs/export.md."""
