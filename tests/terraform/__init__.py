"""What Terraform would make, without a cloud: its own tests, and what a test here reads from their plans."""
