"""Read images from files of others: arrays, folders, archives."""
