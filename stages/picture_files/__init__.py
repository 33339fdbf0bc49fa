"""Read files and folders of pictures from outside safely, and divide them in splits."""
