"""What every stage rests on: command line, progress, params, paths, files that appear whole."""
