"""What would change, computed without IO."""
