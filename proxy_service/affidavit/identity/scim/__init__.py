"""SCIM 2.0 without I/O: what a directory may ask of `/scim/v2/`, and what it is answered."""
