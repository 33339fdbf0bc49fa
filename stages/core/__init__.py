"""What every stage rests on: params, the command line, whole-or-nothing files, partitions, progress."""
