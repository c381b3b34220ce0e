"""Text becomes resources: files, templates, YAML with positions, checks."""
