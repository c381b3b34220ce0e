"""The team's own rules over plans: loaded from what the project file declares, and asked about what may be shown alone."""
