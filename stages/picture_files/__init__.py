"""Read files and folders of pictures from outside the project, safely, and divide them in splits."""
