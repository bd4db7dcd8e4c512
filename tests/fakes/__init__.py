"""Stand-ins for the outside that keep its laws, and how to run them."""
