"""HTTP on the wire: a server that can break off at any point, and its answers as bytes."""
