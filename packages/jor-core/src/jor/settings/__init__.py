"""The options, and the layers that set them."""
