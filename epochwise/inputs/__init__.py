"""What models read: reviews and images, as the pipeline prepared them or new ones."""
