"""Rendered people whose true joints are known, and what the product's own front-end reads of them."""
