"""What every stage rests on: params, the command line, safe files, partitions, progress."""
