"""The same bootstrap and the same requests through real Envoy and through Pillion."""
