"""What every stage rests on: the command line, progress, files that appear whole, params and paths."""
