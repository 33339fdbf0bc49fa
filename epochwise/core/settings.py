"""The blocks of params.yaml that most stages read: `seed` and `engine`."""

from typing import Annotated, Literal, Self

from pydantic import Field, PositiveInt, model_validator

from epochwise.core.params import Section

Number = Annotated[int, Field(ge=0, lt=2**31)]


class Seed(Section):
    """`seed` in params.yaml, from 0 to 2**31 - 1.

    `data` divides samples, draws word and document vectors and resamples metrics; `training` draws
    the weights of networks, orders of samples and dropout.
    """

    data: Number
    training: Number


class Engine(Section):
    """`engine` in params.yaml.

    `local` works in one process; `dask` on the cluster whose scheduler has the address `scheduler`
    (tcp://host:8786), or, for null, in `workers` processes of this machine. A partition has up to
    `partition_rows` rows. Networks are trained and applied by `threads` of a processor; `strategy`
    is that of training on several GPUs of a machine (mirrored), or machines (multi_worker).
    """

    name: Literal["local", "dask"] = "local"
    workers: PositiveInt = 1
    scheduler: str | None = Field(default=None, pattern=r"^(tcp|tls|ws|wss|ucx)://.+")
    partition_rows: PositiveInt
    threads: PositiveInt = 2
    strategy: Literal["none", "mirrored", "multi_worker"] = "none"

    @model_validator(mode="after")
    def _fits_the_name(self) -> Self:
        if self.name == "local" and (self.scheduler is not None or self.workers != 1):
            raise ValueError("workers and scheduler are for engine=dask")
        return self
