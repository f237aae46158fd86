"""The container that serves the rooms over Socket.IO."""
