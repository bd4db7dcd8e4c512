"""Pure formats of the transparency log: bytes and values in, bytes and values out."""
