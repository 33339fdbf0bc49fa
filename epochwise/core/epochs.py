"""The epoch table of a family, as every training writes it: metrics/<family>/epochs.csv."""

import pandas as pd

from epochwise.core import forms, paths
from epochwise.core.files import read_csv, refuse


def epoch_table(family: str) -> pd.DataFrame:
    """The epoch table: a row an epoch, from 0, numbers alone; `kept` is 1 where there is a model.

    Raises:
        InputError: the file is damaged, or of another form.
    """
    path = paths.metrics(family, "epochs.csv")
    columns = {"epoch": forms.WHOLE, "kept": forms.BINARY}
    table = read_csv(path, columns, others=forms.SOME_NUMBERS)
    epochs = table["epoch"].tolist()
    if epochs != list(range(len(epochs))):
        refuse(path, f"the epochs are {forms.SHORT.repr(epochs)}, expected 0, 1, 2 and so on")
    if not table["kept"].any():
        refuse(path, "column 'kept' is 0 in all rows, expected 1 where there is a model")
    return table
